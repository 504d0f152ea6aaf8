/** The pages that show runs.
 * @module densenet/dashboard */

export { type DashboardOptions, type RunningDashboard, serveDashboard } from '../dashboard/serve.js'
export { startDashboard } from '../dashboard/start.js'
