import relaxed from 'densenet/relaxed.wasm'
import simd from 'densenet/simd.wasm'
import './page.js'

globalThis.wasm = { simd, relaxed }
