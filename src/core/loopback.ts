/** Whether traffic to it stays on this machine: a loopback name or address, or a socket's path. */
export function isLoopback(host: string): boolean {
  return host === 'localhost' || host === '::1' || /^127(\.\d{1,3}){1,3}$/.test(host) || host.startsWith('/')
}
