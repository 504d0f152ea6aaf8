// Ctrl-C, kill, a closed terminal, a batch system's last warning: the first signal asks for an orderly end, the second one
// ends at once.

/** 128 + the number of the signal, as shells say it. */
export const EXIT_CODES = { SIGINT: 130, SIGTERM: 143, SIGHUP: 129, SIGUSR1: 138 } as const
export type Signal = keyof typeof EXIT_CODES
export const SIGNALS = (Object.keys(EXIT_CODES) as Signal[]).filter(
  name => name !== 'SIGUSR1' || process.platform !== 'win32',
)

export interface StopRequest {
  readonly signal: AbortSignal
  /** Exit code of the signal received; 0 without. */
  readonly exitCode: number
}

/** Runs `work` while the signals are listened to. `onStop` hears of the first one. */
export async function withSignals<T>(onStop: () => void, work: (request: StopRequest) => Promise<T>): Promise<T> {
  const controller = new AbortController()
  let exitCode = 0
  const listener = (name: NodeJS.Signals): void => {
    const code = EXIT_CODES[name as Signal]
    if (exitCode !== 0) process.exit(code)
    exitCode = code
    onStop()
    controller.abort()
  }
  for (const name of SIGNALS) process.on(name, listener)
  try {
    return await work({
      signal: controller.signal,
      get exitCode() {
        return exitCode
      },
    })
  } finally {
    for (const name of SIGNALS) process.off(name, listener)
  }
}
