import { DenseNet, imageBlobs } from '../../src/entries/browser.js'

console.log(DenseNet, imageBlobs)
