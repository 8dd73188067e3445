import pg from 'pg'

/** What the server answers in turn to everything, while something is wrong with it. */
export const disorders = {
  infrastructure: ['57P03', '53100', '53300', '08006', '58030', '25006'],
  'schema-drift': ['42P01', '42703', '42804'],
  conflict: ['40001', '40P01'],
  locked: ['55P03'],
  'too-big': ['57014'],
  'no-rights': ['42501', '28000', '3D000'],
  unknown: ['XX001'],
} as const
export type Disorder = keyof typeof disorders

/** Values that the table refuses: by a constraint, and with an unknown error. */
export const refused: Readonly<Record<string, string>> = { bad: '23514', odd: 'XX000' }

/** @param table the one with whose constraint it has to do */
export function databaseError(code: string, table?: string): pg.DatabaseError {
  const error = new pg.DatabaseError(`simulated ${code}`, 0, 'error')
  // The parser says where in the statement it is.
  if (code.startsWith('42')) error.position = '1'
  error.code = code
  if (table !== undefined) Object.assign(error, { table, constraint: 'simulated' })
  return error
}
