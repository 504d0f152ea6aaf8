// A server on a port of this machine, for this machine alone.
import type { Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { DenseNetError, usageError } from '../errors.js'
import { errorCode } from './files.js'

const ADDRESS = '127.0.0.1'

/** Resolves to its address; `otherPort`: what to do when this one is not to be had. */
export function listenHere(server: Server, port: number, otherPort: string): Promise<string> {
  return new Promise((done, fail) => {
    server.once('error', error => {
      const code = errorCode(error)
      if (code === 'EADDRINUSE') fail(usageError(`port ${port} is taken`, otherPort))
      else if (code === 'EACCES') fail(usageError(`port ${port} is not for everybody`, otherPort))
      else fail(new DenseNetError(`cannot listen on port ${port}: ${error.message}`, { cause: error }))
    })
    server.listen(port, ADDRESS, () => done(`http://${ADDRESS}:${(server.address() as AddressInfo).port}/`))
  })
}

/** Resolves when nothing of it is open; streams never end by themselves. */
export const closeServer = (server: Server): Promise<void> =>
  new Promise(done => {
    server.close(() => done())
    server.closeAllConnections()
  })
