// densenet serve: a network behind HTTP, until Ctrl-C.
import { once } from 'node:events'
import { Command, Option } from 'commander'
import { SHIPPED } from '../../entries/networks.js'
import { createServer } from '../../entries/server.js'
import { createContext } from '../context.js'
import { loadModel, MODEL_HELP } from '../model-argument.js'
import { type ComputeFlags, loaderOption, numberOption, type OutputFlags, wholeOption } from '../options.js'
import { withSignals } from '../signals.js'
import { useOptions, type WeightFlags } from '../weight-options.js'

interface ServeFlags extends ComputeFlags, OutputFlags, WeightFlags {
  readonly host?: string
  readonly port?: number
  readonly batchSize?: number
  readonly maxWaitMs?: number
  readonly queue?: number
  readonly maxBody?: number
  readonly maxPixels?: number
  readonly maxImages?: number
  readonly timeout?: number
}

export function serveCommand(finish: (exitCode: number) => void): Command {
  const command = new Command('serve')
    .description('classify images over HTTP, with a page to drop them on')
    .argument('[model]', MODEL_HELP, SHIPPED.name)
  const options = [
    new Option('--host <name>', 'the interface to listen on; default: 127.0.0.1, this machine alone'),
    wholeOption('--port <n>', 'default: 8000; 0: any that is free', 0),
    wholeOption('--batch-size <n>', 'images that go through the network at once; default: 8'),
    numberOption(
      '--max-wait-ms <n>',
      'how long an image waits for others to go with it; default: 2',
      'a number from 0 to 60000',
      value => value >= 0 && value <= 60_000,
    ),
    wholeOption('--queue <n>', 'images and requests that may wait; beyond: 503; default: 64'),
    wholeOption('--max-body <bytes>', 'of a request; beyond: 413; default: 16777216'),
    wholeOption('--max-pixels <n>', 'of an image; default: 32000000'),
    wholeOption('--max-images <n>', 'of a request; default: 16'),
    numberOption(
      '--timeout <s>',
      'seconds for sending a request, and again for its answer; default: 30',
      'a number above 0 and up to 3600',
      value => value > 0 && value <= 3600,
    ),
    loaderOption(),
    ...useOptions(),
  ]
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
      const { host, port, batchSize, queue, maxPixels, maxImages, backend, threads } = flags
      const server = await createServer(model, {
        ...{ host, port, batchSize, queue, maxPixels, maxImages, backend, threads },
        maxWaitMilliseconds: flags.maxWaitMs,
        maxBodyBytes: flags.maxBody,
        timeoutSeconds: flags.timeout,
        decoders: flags.loaderThreads,
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
