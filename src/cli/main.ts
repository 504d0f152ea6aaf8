#!/usr/bin/env node
// What `densenet` starts.
import { runCommandLine } from './command-line.js'

// Whoever read our output may go away (`| head`, a closed terminal): what is being done is finished all the same.
for (const stream of [process.stdout, process.stderr]) {
  stream.on('error', (error: NodeJS.ErrnoException) => {
    if (error.code !== 'EPIPE' && error.code !== 'EIO') throw error
  })
}
process.exitCode = await runCommandLine(process.argv.slice(2))
