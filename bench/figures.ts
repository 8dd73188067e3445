// Every figure that a run may have: what it is called, and how it is written.

export interface Figure {
  readonly label: string
  readonly digits: number
}

const cpu = (of: string): Figure => ({ label: `${of}, CPU-s per million`, digits: 1 })

export const figures = {
  seconds: { label: 'seconds', digits: 1 },
  messagesPerSecond: { label: 'messages/s', digits: 0 },
  ownCpu: cpu('system'),
  postgresCpu: cpu('PostgreSQL'),
  redisCpu: cpu('Redis'),
  brokerCpu: cpu('broker'),
  shareOfPostgres: { label: 'system ÷ PostgreSQL', digits: 2 },
  walBytesPerMessage: { label: 'WAL bytes per message', digits: 0 },
  rowsPerMessage: { label: 'rows per message', digits: 2 },
  rowsTouchedByStale: { label: 'rows changed', digits: 0 },
  modacksPerMessage: { label: 'modacks per message', digits: 2 },
  sparedPercent: { label: 'never sent to PostgreSQL, %', digits: 0 },
  peakMegabytes: { label: 'peak, MB', digits: 0 },
  steadyMegabytes: { label: 'steady, MB', digits: 0 },
  megabytesPerMinute: { label: 'growth, MB per minute', digits: 2 },
  firstAckSeconds: { label: 'first ack, s', digits: 2 },
  commitP50: { label: 'to commit, ms: p50', digits: 1 },
  commitP99: { label: 'p99', digits: 1 },
  commitP999: { label: 'p99.9', digits: 1 },
  ackedP50: { label: 'to ack, ms: p50', digits: 1 },
  ackedP99: { label: 'p99', digits: 1 },
  ackedP999: { label: 'p99.9', digits: 1 },
} satisfies Record<string, Figure>

export type FigureName = keyof typeof figures

export function writeNumber(value: number, digits: number): string {
  return value.toLocaleString('en', { minimumFractionDigits: digits, maximumFractionDigits: digits })
}

export function writeFigure(name: FigureName, value: number): string {
  return writeNumber(value, figures[name].digits)
}
