import assert from 'node:assert/strict'
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { documentedSteps } from './documented-steps.ts'
import type { MappingCase } from './mapping-case.ts'
import { linesOf } from './mapping-case.ts'

type Traffic = Pick<MappingCase, 'messages' | 'query' | 'rows' | 'deadLetters'>

const json = (text: string) => linesOf(text).map((line) => ({ data: Buffer.from(line.trim()) }))

const time = (column: string) =>
  `to_char(${column} AT TIME ZONE 'UTC', 'YYYY-MM-DD HH24:MI:SS.MS') AS ${column}`

/** For each mapping of docs/COMING-FROM.md, by its name, messages and what has to come of them. */
const traffic: Readonly<Record<string, Traffic>> = {
  'rc-orders': {
    messages: json(`
      {"mode": "live", "order": {"id": 1, "customer": {"name": "Ada"}, "total": 19.90, "updated_at": "2026-03-02T00:00:00Z"}}
      {"mode": "live", "order": {"id": 1, "customer": {"name": "Ada"}, "total": 10, "updated_at": "2026-03-01T00:00:00Z"}}
      {"mode": "live", "order": {"id": 2, "total": "5.00", "currency": "USD", "updated_at": "2026-03-01T00:00:00Z"}}
      {"mode": "test", "order": {"id": 3, "total": 1, "updated_at": "2026-03-01T00:00:00Z"}}
      {"mode": "live", "order": {"id": 4, "total": 1.999, "updated_at": "2026-03-01T00:00:00Z"}}`).map(
      (message) => ({ ...message, attributes: { source: 'web' } }),
    ),
    query: `SELECT order_id, customer, total, currency, source, ${time('updated_at')} FROM rc_orders ORDER BY order_id`,
    rows: `order_id,customer,total,currency,source,updated_at
1,Ada,19.90,EUR,web,2026-03-02 00:00:00.000
2,,5.00,USD,web,2026-03-01 00:00:00.000
`,
    deadLetters: [
      'bad-value: the column total (from order.total) has more decimal places than numeric(12,2) keeps: 1.999',
    ],
  },
  'kc-devices': {
    messages: [
      ...json(`
        {"model": "T1", "location": {"site": "roof"}, "revision": 1}
        {"removed": true, "revision": 3}
        {"model": "T1", "location": {"site": "cellar"}, "revision": 2}`).map((message) => ({
        ...message,
        orderingKey: 'gone',
      })),
      ...json(`
        {"model": "T2", "location": {"site": "attic"}, "revision": 2}
        {"model": "T2", "location": {"site": "hall"}, "revision": 1}`).map((message) => ({
        ...message,
        orderingKey: 'there',
      })),
      ...json('{"model": "T3", "location": {"site": "hall"}, "revision": 1}'),
    ],
    query: 'SELECT device_id, model, site, revision FROM kc_devices ORDER BY device_id',
    rows: 'device_id,model,site,revision\nthere,T2,attic,2\n',
    deadLetters: ['missing-field: "$orderingKey" is missing, which the column device_id needs'],
  },
  'vector-clicks': {
    messages: [
      { ...json('{"page": {"path": "/"}, "x": 1.50}')[0], attributes: { campaign: 'spring' } },
      ...json('{"page": {"path": "/about"}}\n{"page": {}}\nno JSON'),
    ].map(({ data = Buffer.alloc(0), ...others }) => ({ data, ...others })),
    query: 'SELECT DISTINCT page, campaign, click FROM vector_clicks ORDER BY page',
    rows: `page,campaign,click
/,spring,"{""x"": 1.50, ""page"": {""path"": ""/""}}"
/about,,"{""page"": {""path"": ""/about""}}"
`,
    deadLetters: [
      'missing-field: "page.path" is missing, which the column page needs',
      'not-json: the data is not JSON: …',
    ],
  },
  'tg-climate': {
    messages: json(`
      {"device": {"id": "roof"}, "ts": 1767225600000, "values": {"temperature": 21.5, "humidity": 40}}
      {"device": {"id": "roof"}, "ts": 1767225660250, "values": {"temperature": 22}}
      {"device": {"id": "roof"}, "ts": "2026-01-01", "values": {"temperature": 22}}`),
    query: `SELECT device, ${time('time')}, temperature, humidity FROM tg_climate ORDER BY tg_climate.time`,
    rows: `device,time,temperature,humidity
roof,2026-01-01 00:00:00.000,21.5,40
roof,2026-01-01 00:01:00.250,22,
`,
    deadLetters: ['bad-value: the column time (from ts) is "2026-01-01", not a number (of ms since 1970)'],
  },
  'df-stock': {
    messages: json(`
      {"sku": "pen", "quantity": 7, "changed_at": "2026-03-02T00:00:00Z"}
      {"sku": "pen", "quantity": 9, "changed_at": "2026-03-01T00:00:00Z"}
      {"sku": "ink", "quantity": "3", "changed_at": "2026-03-01T00:00:00+01:00", "unknown": true}
      {"sku": "cap", "quantity": 1.5, "changed_at": "2026-03-01T00:00:00Z"}`),
    query: `SELECT sku, quantity, ${time('changed_at')} FROM df_stock ORDER BY sku`,
    rows: `sku,quantity,changed_at
ink,3,2026-02-28 23:00:00.000
pen,7,2026-03-02 00:00:00.000
`,
    deadLetters: ['bad-value: the column quantity is 1.5, not a whole number'],
  },
}

/** The mappings of docs/COMING-FROM.md, which are written into a folder. */
export async function comingFromCases(folder: string): Promise<readonly MappingCase[]> {
  const steps = await documentedSteps('COMING-FROM.md')
  const blocks = new Map(steps.map(({ name, text }) => [name, text]))
  const names = steps.flatMap(({ name }) => /^(.*)\/mapping\.yaml$/.exec(name)?.[1] ?? [])
  assert.deepEqual(names, Object.keys(traffic), 'each mapping of the page has messages')
  return Promise.all(
    Object.entries(traffic).map(async ([name, messages]) => {
      const path = join(folder, `${name}.pipeline.yaml`)
      await writeFile(path, blocks.get(`${name}/mapping.yaml`) ?? '')
      const table = `${blocks.get(`${name}/table.sql`)}; GRANT SELECT, INSERT, UPDATE, DELETE ON ${name.replace('-', '_')} TO ingester`
      return { name, path, table, ...messages }
    }),
  )
}
