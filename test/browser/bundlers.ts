// The project built by each bundler, into a folder of the bundler's name.
import { cpSync } from 'node:fs'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { makeProject } from './project.js'

const configOf = async (folder: string, bundler: string): Promise<object> =>
  (await import(pathToFileURL(join(folder, `${bundler}.config.js`)).href)).default

/** vite takes the page with its script; others leave it where it is. */
function withPage(folder: string, bundler: string): string {
  cpSync(join(folder, 'index.html'), join(folder, bundler, 'index.html'))
  return join(folder, bundler)
}

/** Each resolves to the folder with the page. */
export const bundlers = {
  async vite(folder: string): Promise<string> {
    const { build } = await import('vite')
    await build({ root: folder, configFile: join(folder, 'vite.config.js'), logLevel: 'error' })
    return join(folder, 'vite')
  },
  async webpack(folder: string): Promise<string> {
    const { default: webpack } = await import('webpack')
    const config = { ...(await configOf(folder, 'webpack')), context: folder }
    await new Promise<void>((resolve, reject) => {
      webpack(config, (error, stats) => {
        if (error || stats?.hasErrors()) reject(error ?? new Error(stats!.toString('errors-only')))
        else resolve()
      })
    })
    return withPage(folder, 'webpack')
  },
  async esbuild(folder: string): Promise<string> {
    const { build } = await import('esbuild')
    await build({ ...(await configOf(folder, 'esbuild')), absWorkingDir: folder, logLevel: 'error' })
    return withPage(folder, 'esbuild')
  },
}

let built: Promise<string> | undefined
/** The project as vite builds it, once for all that only want its page. */
export function builtProject(): Promise<string> {
  built ??= bundlers.vite(makeProject())
  return built
}
