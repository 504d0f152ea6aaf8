// Whole training steps of the compiled backends.
import { compiledBuilds } from '../compiled-builds.js'
import { testGoldenNets, testOriginalSteps } from '../golden/steps.js'

for (const build of compiledBuilds) {
  testOriginalSteps(build)
  testGoldenNets(build)
}
