// Both modules of the wasm backend.
import { wasmBuilds } from '../compiled-builds.js'
import { testConformance } from './compiled.js'

for (const build of wasmBuilds) await testConformance(build)
