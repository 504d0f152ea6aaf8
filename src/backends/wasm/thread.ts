// What a thread does: it makes an instance of its own on the shared memory, then its part of every run.
import type { Answer, Host, Port } from './host.js'
import { instantiate, type Memory, type Module } from './platform.js'

/** The first message; after it come addresses of programs to work on. */
export interface Beginning {
  readonly module: Module
  readonly memory: Memory
  readonly worker: number
  /** Where its stack begins; it grows downwards. */
  readonly stack: number
}

/** In the thread: what to do with a message. */
export function createListener(answer: (answer: Answer) => void): (message: Beginning | number) => void {
  let work: (program: number) => void
  const begin = ({ module, memory, worker, stack }: Beginning): void => {
    const exports = instantiate(module, memory)
    exports.__stack_pointer.value = stack
    work = program => exports.work(program, worker)
  }
  return message => {
    try {
      if (typeof message === 'number') work(message)
      else begin(message)
      answer(null)
    } catch (error) {
      answer(String(error))
    }
  }
}

/** To whom it belongs: a thread that is ready. */
export interface Thread {
  work(program: number): Promise<void>
  end(): void
}

export async function startThread(host: Host, beginning: Beginning): Promise<Thread> {
  let settle = (_: Answer): void => {}
  const heard = (answer: Answer): void => settle(answer)
  const port: Port = host.start(heard, heard)
  const tell = (message: unknown): Promise<void> =>
    new Promise((resolve, reject) => {
      settle = answer => (answer === null ? resolve() : reject(new Error(answer)))
      port.post(message)
    })
  await tell(beginning)
  return { work: tell, end: () => port.end() }
}
