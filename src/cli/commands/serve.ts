// densenet serve: a network behind HTTP, until Ctrl-C.
import { once } from 'node:events'
import { Command } from 'commander'
import { SHIPPED } from '../../entries/networks.js'
import { createServer, SERVER } from '../../entries/server.js'
import { createContext } from '../context.js'
import { loadModel, MODEL_HELP } from '../model-argument.js'
import { type ComputeFlags, givenSettings, type OutputFlags, settingOptions } from '../options.js'
import { withSignals } from '../signals.js'
import { useOptions, type WeightFlags } from '../weight-options.js'

type ServeFlags = ComputeFlags & OutputFlags & WeightFlags

const LIMITS = settingOptions(SERVER)

export function serveCommand(finish: (exitCode: number) => void): Command {
  const command = new Command('serve')
    .description('classify images over HTTP, with a page to drop them on')
    .argument('[model]', MODEL_HELP, SHIPPED.name)
  const options = [...LIMITS.values(), ...useOptions()]
  for (const option of options) command.addOption(option)
  return command
    .addHelpText(
      'after',
      `
Examples:
  densenet serve
  densenet serve densenet121 --port 0 --batch-size 16
  curl --data-binary @cat.jpg -H "Content-Type: image/jpeg" http://127.0.0.1:8000/v1/classify
  curl -F a=@cat.jpg -F b=@dog.jpg http://127.0.0.1:8000/v1/classify`,
    )
    .action(async (model: string, flags: ServeFlags) => finish(await serve(model, flags)))
}

async function serve(path: string, flags: ServeFlags): Promise<number> {
  const context = createContext(flags)
  const { out, say, warn } = context
  return withSignals(
    () => say('stopping: answering what has come …'),
    async ({ signal }) => {
      const model = await loadModel(path, flags, context, signal)
      const { backend, threads, adapter, precision } = flags
      const server = await createServer(model, {
        ...givenSettings(LIMITS, flags),
        backend,
        threads,
        adapter,
        precision,
        onWarning: warn,
        onError: warn,
      })
      if (flags.json) out.write(`${JSON.stringify({ url: server.url, model: model.name })}\n`)
      say(`${model.name}   ${server.backend}`)
      say(`${server.url}   Ctrl-C stops`)
      if (!signal.aborted) await once(signal, 'abort')
      await server.close()
      return 0
    },
  )
}
