// Who may ask: pages of this server, on this machine. The server reads training runs and starts evaluations; a page from
// elsewhere in the same browser must be able to do neither.
import type { MiddlewareHandler } from 'hono'
import type { Failure } from './api.js'

const HOSTS = /^(127\.0\.0\.1|localhost|\[::1\])(:\d+)?$/

/** Nothing from elsewhere, no inline script, no frame; pictures may be in the page itself. */
const POLICY = [
  "default-src 'none'",
  "script-src 'self'",
  "style-src 'self'",
  "img-src 'self' data:",
  "connect-src 'self'",
  "base-uri 'none'",
  "form-action 'none'",
  "frame-ancestors 'none'",
].join('; ')

export const guard: MiddlewareHandler = async (context, next) => {
  // A name of somebody else's that was made to mean this machine (DNS rebinding) is still another name.
  const host = context.req.header('host') ?? ''
  const origin = context.req.header('origin')
  if (!HOSTS.test(host) || (origin !== undefined && origin !== `http://${host}`)) {
    const failure: Failure = {
      error: `this server answers its own pages only, not ${HOSTS.test(host) ? origin : host || 'a request without Host'}`,
      hint: 'open the address that densenet dashboard prints',
    }
    return context.json(failure, 403)
  }
  await next()
  const { headers } = context.res
  headers.set('Content-Security-Policy', POLICY)
  headers.set('X-Content-Type-Options', 'nosniff')
  headers.set('Referrer-Policy', 'no-referrer')
  headers.set('Cross-Origin-Resource-Policy', 'same-origin')
  if (!headers.has('Cache-Control')) headers.set('Cache-Control', 'no-store')
}
