import { expect, test } from 'vitest'
import { asOwner, ingester, shell, sql } from '#core/fix.ts'
import { fixLine } from './fix-line.ts'

test('a command is told from the sentence that it stands in', () => {
  expect(fixLine([shell('gcloud a', 'gcloud b')])).toBe('run: gcloud a && gcloud b')
  expect(fixLine([ingester('stack up'), sql('a superuser', 'SELECT 1;')], '.env')).toBe(
    'run: bin/ingester stack up --env-file .env; or as a superuser: SELECT 1;',
  )
  expect(fixLine([asOwner('migrate up')], '.env')).toBe(
    "as the tables' owner, whose variables are in owner.env: bin/ingester migrate up --env-file owner.env",
  )
})
