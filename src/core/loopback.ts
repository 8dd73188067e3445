/** Whether what is sent there stays on this machine: a name or address of its own, or a socket's path. */
export function isLoopback(host: string): boolean {
  return host === 'localhost' || host === '::1' || /^127(\.\d{1,3}){1,3}$/.test(host) || host.startsWith('/')
}
