// A package's tarball by way of the user's own npm: its registry, proxy and credentials count (`npm pack` brings the
// one package without its dependencies and runs nothing of it).

import { spawn } from 'node:child_process'
import { readdir } from 'node:fs/promises'
import { join } from 'node:path'
import { DenseNetError } from '../../errors.js'
import { errorCode, sha256OfFile } from '../../node/files.js'
import { abortedError, throwIfAborted } from '../../util/abort.js'

export interface NpmOptions {
  readonly signal?: AbortSignal
  /** The npm to run; for tests. */
  readonly npm?: string
}

/** Puts the tarball of `name@version` into the (empty) `folder`, checks its SHA-256, and returns its path. */
export async function packNpmPackage(
  specification: string,
  sha256: string,
  folder: string,
  options: NpmOptions = {},
): Promise<string> {
  await runNpm(['pack', specification, '--pack-destination', folder, '--ignore-scripts'], folder, options)
  const tarball = (await readdir(folder)).find(name => name.endsWith('.tgz'))
  if (tarball === undefined) throw new DenseNetError(`npm pack ${specification} brought no tarball`)
  const path = join(folder, tarball)
  const found = await sha256OfFile(path, options.signal)
  if (found !== sha256) {
    throw new DenseNetError(
      `the npm package ${specification} has other contents than expected: SHA-256 ${found} instead of ${sha256}`,
    )
  }
  return path
}

/** Runs npm in `folder`, where no project's .npmrc lies, so that only the user's own configuration counts. */
function runNpm(args: readonly string[], folder: string, { signal, npm = 'npm' }: NpmOptions): Promise<void> {
  const doing = `running npm ${args[0]} ${args[1]}`
  throwIfAborted(signal, doing)
  return new Promise((resolve, reject) => {
    // On Windows npm is a .cmd file, which only a shell can start.
    const windows = process.platform === 'win32'
    const quoted = windows ? args.map(arg => `"${arg}"`) : args
    const child = spawn(npm, quoted, { cwd: folder, shell: windows, stdio: ['ignore', 'ignore', 'pipe'] })
    const stop = () => child.kill()
    signal?.addEventListener('abort', stop, { once: true })
    let complaint = ''
    child.stderr.setEncoding('utf8')
    child.stderr.on('data', (text: string) => {
      complaint = (complaint + text).slice(-20_000)
    })
    child.on('error', error => {
      signal?.removeEventListener('abort', stop)
      const reason = errorCode(error) === 'ENOENT' ? 'npm is not installed' : `npm did not start: ${error.message}`
      reject(new DenseNetError(reason, { cause: error }))
    })
    child.on('close', code => {
      signal?.removeEventListener('abort', stop)
      if (signal?.aborted) reject(abortedError(doing))
      else if (code === 0) resolve()
      else reject(failure(code, complaint))
    })
  })
}

function failure(code: number | null, complaint: string): DenseNetError {
  const lines = [...complaint.matchAll(/^npm (?:error|ERR!) (.*)$/gm)].map(match => match[1]!.trim())
  const errno = lines.find(line => line.startsWith('code '))?.slice('code '.length)
  if (errno === 'ENOSPC') {
    return new DenseNetError('no space left on the disk while npm was unpacking', {
      hint: 'Free some space, or choose a folder on another disk.',
      cause: Object.assign(new Error(complaint), { code: errno }),
    })
  }
  const told = lines.find(line => line !== '' && !/^(code|errno|syscall|path|type) /.test(line))
  const reason = told ?? errno ?? `exit code ${code}`
  return new DenseNetError(`npm failed: ${reason}`)
}
