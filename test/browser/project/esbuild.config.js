export default {
  // The page, the worker that holds a network, and the worker that is a thread of its arithmetic.
  entryPoints: {
    page: 'page.esbuild.js',
    'network-worker': 'densenet/network-worker.js',
    worker: 'densenet/thread-worker.js',
  },
  outdir: 'esbuild',
  loader: { '.wasm': 'file' },
  bundle: true,
  minify: true,
  splitting: true,
  format: 'esm',
  target: 'es2023',
}
