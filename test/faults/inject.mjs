// Makes a process fail where it is told to; loaded with `node --import`. DENSENET_FAULT is a JSON of
//   folder    calls that change something below it are counted, from 1
//   at        the call where it happens
//   act       `kill`: SIGKILL before the call; `half`: after half of what it writes; an error code such as ENOSPC: the call
//             fails with it
//   sticky    so do all later ones that need room
//   clock     milliseconds that the clock falls back every hundred times it is asked
//   worker    {which, message}: that loader's thread ends at that message to it; with `kill` all of it does
//   trace     a file for the names of all calls that were counted
import fs from 'node:fs'
import { syncBuiltinESMExports } from 'node:module'
import { Worker } from 'node:worker_threads'

const { folder, at, act, sticky, clock, worker, trace } = JSON.parse(process.env.DENSENET_FAULT)
const promises = fs.promises
const calls = []
const paths = new WeakMap()
const NEEDS_ROOM = ['open', 'writeFile', 'writev', 'link', 'mkdir', 'copyFile']

const bytesOf = data =>
  typeof data === 'string' ? Buffer.from(data) : new Uint8Array(data.buffer, data.byteOffset, data.byteLength)

function before(name, path, data, descriptor) {
  if (folder === undefined || !String(path).startsWith(folder)) return
  calls.push(`${name} ${String(path).slice(folder.length)}`)
  const isError = act !== undefined && act !== 'kill' && act !== 'half'
  const later = sticky && calls.length > at && NEEDS_ROOM.includes(name)
  if (calls.length !== at && !later) return
  if (isError) {
    if (sticky && !NEEDS_ROOM.includes(name)) return
    throw Object.assign(new Error(`${act}: injected, ${name} '${path}'`), { code: act, syscall: name, path })
  }
  if (act === 'half' && descriptor !== undefined) {
    const bytes = Buffer.concat([data].flat().map(bytesOf))
    fs.writeSync(descriptor, bytes, 0, bytes.length >> 1)
  }
  process.kill(process.pid, 'SIGKILL')
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0)
}

const { open } = promises
for (const name of ['writeFile', 'rename', 'link', 'rm', 'mkdir', 'copyFile']) {
  const original = promises[name]
  promises[name] = async (path, ...rest) => {
    before(name, path)
    return original(path, ...rest)
  }
}
promises.open = async (path, flags = 'r', ...rest) => {
  if (flags !== 'r') before('open', path)
  const handle = await open(path, flags, ...rest)
  paths.set(handle, path)
  return handle
}
const handle = await open('/dev/null')
const prototype = Object.getPrototypeOf(handle)
await handle.close()
for (const name of ['writeFile', 'writev', 'sync', 'datasync', 'truncate']) {
  const original = prototype[name]
  prototype[name] = async function (...args) {
    before(name, paths.get(this), args[0], name.startsWith('write') ? this.fd : undefined)
    return original.apply(this, args)
  }
}
syncBuiltinESMExports()

if (clock !== undefined) {
  const { now } = Date
  let asked = 0
  Date.now = () => now() - clock * Math.floor(++asked / 100)
  globalThis.Date = class extends Date {
    constructor(...args) {
      super(...(args.length === 0 ? [Date.now()] : args))
    }
  }
}

if (worker !== undefined) {
  // The first thread to be spoken to prepares batches for training, the second for evaluation.
  const { postMessage } = Worker.prototype
  const messages = new Map()
  Worker.prototype.postMessage = function (...args) {
    messages.set(this, (messages.get(this) ?? 0) + 1)
    const isNow = [...messages.keys()].indexOf(this) === worker.which && messages.get(this) === worker.message
    if (isNow && act === 'kill') process.kill(process.pid, 'SIGKILL')
    else if (isNow) void this.terminate()
    else postMessage.apply(this, args)
  }
}

if (trace !== undefined) process.on('exit', () => fs.writeFileSync(trace, calls.join('\n')))
