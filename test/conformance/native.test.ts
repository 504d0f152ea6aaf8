// The native backend on every instruction set that this processor can run.
import { nativeBuilds } from '../compiled-builds.js'
import { testConformance } from './compiled.js'

for (const build of nativeBuilds) await testConformance(build)
