// One process of PyTorch: bench/torch_densenet.py with a Python that has PyTorch.
import { execFile } from 'node:child_process'
import { availableParallelism } from 'node:os'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { completeWork } from '../dist/bench/work.js'

const SCRIPT = fileURLToPath(new URL('torch_densenet.py', import.meta.url))

/** What PyTorch needs to be fast: without it much of a step is page faults. glibc is told to keep memory instead of giving it
 * back after each operation, and PyTorch's own allocator to ask for huge pages. */
const ALLOCATOR = {
  MALLOC_MMAP_MAX_: '0',
  MALLOC_MMAP_THRESHOLD_: '33554432',
  MALLOC_TRIM_THRESHOLD_: '68719476736',
  MALLOC_TOP_PAD_: '268435456',
  THP_MEM_ALLOC_ENABLE: '1',
}

/** `steps`: { settle, iterations }, `way`: { layout, compile, precision }. Resolves to { version, seconds, peakBytes, parameters };
 * to null for bfloat16 on a processor for which PyTorch has no kernels of it: it takes many times as long. */
export async function torch(python, work, steps, way) {
  const { config, batchSize, imageSize, task } = completeWork(work)
  const { blocks, growthRate, bottleneck, bottleneckWidth, reduction, initialChannels, classes, stem } = config
  const argument = {
    task,
    batch: batchSize,
    size: imageSize,
    blocks,
    growth: growthRate,
    reduction,
    classes,
    stem,
    bottleneck: bottleneck ? bottleneckWidth : 0,
    initial: initialChannels,
    threads: availableParallelism(),
    ...way,
    ...steps,
  }
  const env = { ...process.env, ...ALLOCATOR }
  try {
    const { stdout } = await promisify(execFile)(python, [SCRIPT, JSON.stringify(argument)], { env })
    return JSON.parse(stdout.trim().split('\n').at(-1))
  } catch (error) {
    console.error(`error: ${python} ${SCRIPT} failed: ${error.stderr || error.message}`)
    return process.exit(2)
  }
}
