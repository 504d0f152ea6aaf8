// A network that is used, not trained: by its name or path, fetched if need be.
import { Option } from 'commander'
import { SHIPPED } from '../entries/networks.js'
import { DenseNet } from '../index.js'
import type { Context } from './context.js'
import { fetching } from './fetching.js'
import { openOptions, tellReport, type WeightFlags } from './weight-options.js'

export const MODEL_HELP = 'a run, a checkpoint, weights from elsewhere, or a name: densenet models lists them'
export const modelOption = (): Option => new Option('--model <name-or-path>', MODEL_HELP).default(SHIPPED.name)

/** `images`: the size that the network is to take, where its weights leave that open. */
export async function loadModel(
  name: string,
  flags: WeightFlags,
  context: Context,
  signal: AbortSignal,
  images: { readonly height: number; readonly width: number } | null = null,
): Promise<DenseNet> {
  const { fetch, end } = fetching(flags, context, signal)
  const open = { ...openOptions(flags, images), fetch, onWarning: context.warn }
  const network = await DenseNet.load(name, open).finally(end)
  if (network.imported) tellReport(name, network.imported, network.config, context.say)
  return network
}
