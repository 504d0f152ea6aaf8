// Layer by layer against the whole: the sums are those of the summary, the names those of the parameter table.
import { expect, test } from 'vitest'
import { architecture } from '../../dist/model/architecture.js'
import { layerFacts } from '../../dist/model/operations.js'
import { parameterTable } from '../../dist/model/parameters.js'
import { preset, presetNames } from '../../dist/model/presets.js'
import { summarise } from '../../dist/model/summary.js'

test.each(presetNames)('%s: its operations sum up to the network', name => {
  const config = preset(name)
  const layers = layerFacts(architecture(config))
  const operations = layers.flatMap(layer => layer.operations)
  const { parameters, multiplyAdds } = summarise(config)
  const sum = (of: 'parameters' | 'multiplyAdds'): number => operations.reduce((all, one) => all + one[of], 0)
  expect([sum('parameters'), sum('multiplyAdds')]).toEqual([parameters, multiplyAdds])
  const holders = parameterTable(architecture(config)).parameters.map(one => one.name.replace(/\.(weight|bias)$/, ''))
  const named = operations.flatMap(operation => operation.name ?? [])
  expect(named).toEqual([...new Set(holders)])
  // What a layer makes is what the next one reads, or its last channels, where others come before those that are made.
  const { layers: described } = architecture(config)
  for (const [i, layer] of layers.entries()) {
    if (i === 0) continue
    const before = layers[i - 1]!.outChannels
    if (described[i]!.skip) expect(layer.inChannels).toBeLessThan(before)
    else expect(layer.inChannels).toBe(before)
  }
})
