// The process that startDashboard makes. The channel to its parent closes when that ends, whatever way it does. Ctrl-C
// comes to both; the training goes on to the end of its step, and so does the dashboard.
import { DenseNetError } from '../errors.js'
import { serveDashboard } from './serve.js'
import type { DashboardMessage, DashboardTask } from './start.js'

const tell = (message: DashboardMessage): void => void process.send?.(message)
process.on('disconnect', () => process.exit(0))
for (const signal of ['SIGINT', 'SIGHUP'] as const) process.on(signal, () => {})
const { folder } = JSON.parse(process.argv[2]!) as DashboardTask
try {
  const { url } = await serveDashboard(folder, { awaited: true })
  tell({ url })
} catch (error) {
  if (!(error instanceof DenseNetError)) throw error
  tell({ failure: { error: error.message, hint: error.hint } })
  process.disconnect()
}
