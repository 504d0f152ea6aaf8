// densenet playground: a page on which one teaches a network to tell one's own things apart.
import { Command, Option } from 'commander'
import { PLAYGROUND_PORT, servePlayground, writePlayground } from '../../entries/playground.js'
import { usageError } from '../../errors.js'
import { createContext } from '../context.js'
import { bytes } from '../format.js'
import { wholeOption } from '../options.js'
import { withSignals } from '../signals.js'

interface PlaygroundFlags {
  readonly port?: number
  readonly out?: string
  readonly json?: boolean
}

export function playgroundCommand(finish: (exitCode: number) => void): Command {
  return new Command('playground')
    .description('teach a network to tell your own things apart, in the browser')
    .addOption(wholeOption('--port <n>', `of this machine (127.0.0.1); default: ${PLAYGROUND_PORT}`, 0, 65535))
    .addOption(new Option('--out <folder>', 'write the page into a new folder, for any host of files'))
    .option('--json', 'print JSON')
    .option('--debug', 'show where an error came from')
    .addHelpText('after', '\nExamples:\n  densenet playground\n  densenet playground --out site')
    .action(async (flags: PlaygroundFlags) => finish(await playground(flags)))
}

function playground({ port, out: folder, json = false }: PlaygroundFlags): Promise<number> {
  const { say, out } = createContext({ json })
  if (folder !== undefined && port !== undefined) throw usageError('give either --out or --port, not both')
  return withSignals(
    () => {},
    async request => {
      if (folder !== undefined) {
        const size = await writePlayground(folder)
        if (json) out.write(`${JSON.stringify({ folder, bytes: size })}\n`)
        say(`${folder}: ${bytes(size)}; put it on any host of files that has HTTPS`)
        return 0
      }
      const { url, close } = await servePlayground({ port })
      if (json) out.write(`${JSON.stringify({ url })}\n`)
      say(`playground: ${url}`)
      say('    what you do there stays in your browser; Ctrl-C ends this server')
      if (!request.signal.aborted) {
        await new Promise(done => request.signal.addEventListener('abort', done, { once: true }))
      }
      await close()
      return request.exitCode
    },
  )
}
