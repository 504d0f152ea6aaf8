// What goes wrong with a request: an HTTP status and one sentence.

/** Answered as { "error": message }. */
export class RequestError extends Error {
  constructor(
    readonly status: 400 | 403 | 404 | 405 | 408 | 413 | 415 | 499 | 503 | 504,
    message: string,
    readonly headers: Readonly<Record<string, string>> = {},
  ) {
    super(message)
    this.name = 'RequestError'
  }
}

/** Too much is asked for at once: nothing is wrong with the request, it may come again. */
export const overloaded = (message: string): RequestError => new RequestError(503, message, { 'Retry-After': '1' })

/** The client has gone: nobody will read the answer. (The number is nginx's.) */
export const clientGone = (): RequestError => new RequestError(499, 'the client closed the connection')
