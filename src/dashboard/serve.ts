// Puts the dashboard on a port of this machine, for this machine alone.
import { stat } from 'node:fs/promises'
import { createServer } from 'node:http'
import { resolve } from 'node:path'
import { usageError } from '../errors.js'
import { closeServer, listenHere } from '../node/listen.js'

const OTHER_PORT = 'choose another --port, or leave it out for any that is free'

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
    const url = await listenHere(server, port, OTHER_PORT)
    return {
      url,
      close: () => {
        close()
        return closeServer(server)
      },
    }
  } catch (error) {
    close()
    throw error
  }
}
