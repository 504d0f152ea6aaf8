// A GPU for tests: SwiftShader, the software one that comes with chromium, or what DENSENET_TEST_GPU=own finds. Without it, or without a
// Vulkan loader, the tests are skipped, and say so; in CI that is a failure.
import { existsSync } from 'node:fs'
import type { WebGpuBackend } from '../dist/backends/webgpu/backend.js'
import { createWebGpuBackend, type WebGpuOptions } from '../dist/backends/webgpu-node/gpu.js'
import type { CompiledBuild } from './compiled-builds.js'

const SWIFTSHADER = ['/usr/lib/chromium', '/usr/lib/chromium-browser'].map(
  folder => `${folder}/vk_swiftshader_icd.json`,
)

async function find(): Promise<boolean> {
  const driver = SWIFTSHADER.find(existsSync)
  if (process.env.DENSENET_TEST_GPU !== 'own' && driver) process.env.VK_DRIVER_FILES = driver
  try {
    const backend = await createWebGpuBackend()
    backend.dispose()
    return true
  } catch (error) {
    if (process.env.CI) throw error
    console.log(`skipped: ${(error as Error).message} (apt-get install chromium libvulkan1)`)
    return false
  }
}

export const gpuAvailable = await find()

export const openGpu = (options: WebGpuOptions = {}): Promise<WebGpuBackend> => createWebGpuBackend(options)

let shared: Promise<WebGpuBackend> | undefined

/** As the compiled engine's builds are tested, with the limits that every GPU has; on one device, so that a kernel is compiled once in a
 * file of tests. */
export const gpuBuild = {
  name: 'webgpu',
  available: gpuAvailable,
  async open() {
    shared ??= openGpu({ defaults: true })
    return { ...(await shared), dispose: () => {} }
  },
} satisfies CompiledBuild
