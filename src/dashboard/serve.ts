// Puts the dashboard on a port of this machine, for this machine alone.
import { stat } from 'node:fs/promises'
import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { resolve } from 'node:path'
import { DenseNetError, usageError } from '../errors.js'
import { errorCode } from '../node/files.js'

const ADDRESS = '127.0.0.1'

/** Where the pages are served. */
export interface DashboardOptions {
  /** Default 0: any that is free. */
  readonly port?: number | undefined
  /** The folder may come later. */
  readonly awaited?: boolean | undefined
}

/** Pages that are served. */
export interface RunningDashboard {
  readonly url: string
  /** Ends streams and connections; resolves when nothing is open. */
  close(): Promise<void>
}

/** Serves the runs under `folder` until it is closed. */
export async function serveDashboard(
  folder: string,
  { port = 0, awaited = false }: DashboardOptions = {},
): Promise<RunningDashboard> {
  const found = await stat(folder).catch(() => null)
  if (!found && !awaited)
    throw usageError(`there is no folder ${folder}`, 'train first, or name the folder that holds your runs')
  if (found && !found.isDirectory()) throw usageError(`${folder} is a file, not a folder`)
  // Who trains need not load these.
  const [{ getRequestListener }, { dashboardApp }] = await Promise.all([
    import('@hono/node-server'),
    import('./app.js'),
  ])
  const { app, close } = dashboardApp(resolve(folder))
  const server = createServer(getRequestListener(app.fetch))
  try {
    await listen(server, port)
  } catch (error) {
    close()
    throw error
  }
  return {
    url: `http://${ADDRESS}:${(server.address() as AddressInfo).port}/`,
    close: () =>
      new Promise(done => {
        close()
        server.close(() => done())
        // Streams of events never end by themselves.
        server.closeAllConnections()
      }),
  }
}

function listen(server: Server, port: number): Promise<void> {
  return new Promise((done, fail) => {
    server.once('error', error => {
      const code = errorCode(error)
      const hint = 'choose another --port, or leave it out for any that is free'
      if (code === 'EADDRINUSE') fail(usageError(`port ${port} is taken`, hint))
      else if (code === 'EACCES') fail(usageError(`port ${port} is not for everybody`, hint))
      else fail(new DenseNetError(`cannot listen on port ${port}: ${error.message}`, { cause: error }))
    })
    server.listen(port, ADDRESS, () => done())
  })
}
