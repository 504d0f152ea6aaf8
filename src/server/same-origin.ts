// Keeps other web sites away from a server on this machine. A browser sends their requests here, too: with their name as
// the Origin, or, when they have let their own name point to this machine, as the Host.
import { RequestError } from './errors.js'

const LOOPBACK: readonly string[] = ['localhost', '127.0.0.1', '[::1]']
const isLoopback = (host: string): boolean => LOOPBACK.includes(host) || host === '::1'

export function checkOrigin(headers: Headers, boundTo: string): void {
  const host = headers.get('host')
  const origin = headers.get('origin')
  if (host !== null && isLoopback(boundTo) && !isLoopback(nameOf(host))) {
    throw new RequestError(403, `this server is reached as ${boundTo}, not as ${host}`)
  }
  if (origin !== null && host !== null && origin !== `http://${host}` && origin !== `https://${host}`) {
    throw new RequestError(403, `pages of ${origin} may not use this server`)
  }
}

/** Without the port. */
const nameOf = (host: string): string => host.replace(/:\d+$/, '').toLowerCase()
