import { readFile } from 'node:fs/promises'
import pg from 'pg'

/** Connects as a client of libpq does that was given this file in PGSERVICEFILE. */
export async function connectByServiceFile(file: string): Promise<pg.Client> {
  const [head, ...lines] = (await readFile(file, 'utf8')).trimEnd().split('\n')
  if (head !== '[scans]') throw new Error(`${file} begins with ${head}`)
  const { host, port, dbname, user, password, ...others } = Object.fromEntries(
    lines.map((line) => line.split('=')),
  ) as Record<string, string>
  if (Object.keys(others).length > 0) throw new Error(`${file} has ${Object.keys(others).join()}`)
  const client = new pg.Client({ host, port: Number(port), database: dbname, user, password })
  // The server may end it.
  client.on('error', () => {})
  await client.connect()
  return client
}
