// A process that runs one command line after another, each as if it were alone: run.ts asks it.
import { runCommandLine } from '../../dist/cli/command-line.js'

const home = process.cwd()
const own = { ...process.env }

/** Collects what is written to a stream until the result is called. */
function collect(stream) {
  const { write } = stream
  let text = ''
  stream.write = (piece, encoding, done) => {
    text += typeof piece === 'string' ? piece : Buffer.from(piece).toString()
    const written = typeof encoding === 'function' ? encoding : done
    if (written) process.nextTick(written)
    return true
  }
  return () => {
    stream.write = write
    return text
  }
}

process.on('disconnect', () => process.exit())
process.on('message', async ({ args, cwd, env }) => {
  process.chdir(cwd ?? home)
  Object.assign(process.env, env)
  const [out, err] = [collect(process.stdout), collect(process.stderr)]
  const code = await runCommandLine(args)
  process.send({ code, signal: null, out: out(), err: err() })
  for (const name of Object.keys(env)) {
    if (name in own) process.env[name] = own[name]
    else delete process.env[name]
  }
})
