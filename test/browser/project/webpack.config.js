import { fileURLToPath } from 'node:url'

export default {
  mode: 'production',
  entry: './page.js',
  output: { path: fileURLToPath(new URL('webpack', import.meta.url)), filename: 'page.js', publicPath: 'auto' },
}
