/** A scan result as the scanner knows it, before it becomes a message. */
export interface Scan {
  readonly ip: string
  readonly port: number
  readonly service: string
  /** Unix seconds. */
  readonly timestamp: number
  readonly response: string
}

/** The message that carries a scan: version 1 has the response as base64, version 2 as text. */
export function encodeScan(scan: Scan, dataVersion: 1 | 2): Buffer {
  const { ip, port, service, timestamp, response } = scan
  const data =
    dataVersion === 1
      ? { response_bytes_utf8: Buffer.from(response).toString('base64') }
      : { response_str: response }
  return Buffer.from(JSON.stringify({ ip, port, service, timestamp, data_version: dataVersion, data }))
}

/** Two scans are about the same row if and only if these are equal. */
export function keyOfScan({ ip, port, service }: Pick<Scan, 'ip' | 'port' | 'service'>): string {
  return JSON.stringify([ip, port, service])
}
