/** Data sets brought, read and loaded in batches.
 * @module densenet/data */

export type { Loader, LoaderOptions } from '../batches/loader.js'
export type { DataProgress } from '../data/bringing/progress.js'
export { decodeImage, decodeImageFile, READ_EXTENSIONS } from '../data/loading/decode.js'
export { createLoader } from '../data/loading/loader.js'
export { drawSheet } from '../data/loading/sheet.js'
export { cifar10, cifar100, fashionMnist, loadDataset, mnist, prepareDataset, svhn } from '../data/sets/catalogue.js'
export * from '../data/sets/choose-dataset.js'
export { type ImageFilesOptions, imageFiles, testImageFiles } from '../data/sets/image-files.js'
export { imagesIn } from '../data/sets/image-folder.js'
export { MOST_BYTES } from '../images/image-file.js'
