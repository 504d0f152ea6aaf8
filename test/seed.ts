// Property tests draw the same examples each time, so that what was green stays green; DENSENET_SEED draws others: to look
// for what nobody has met yet.
import fc from 'fast-check'

const seed = Number(process.env.DENSENET_SEED ?? 1)
if (!Number.isSafeInteger(seed))
  throw new Error(`DENSENET_SEED: expected a whole number, got ${process.env.DENSENET_SEED}`)
fc.configureGlobal({ seed })
