// The dashboard's server: what it answers. How a page gets its data: add a type of the answer to api.ts and a route here
// (or `app.route('/api', more)` with a Hono of its own for several), then a page in web/pages.
import { randomBytes } from 'node:crypto'
import { Hono } from 'hono'
import { compress } from 'hono/compress'
import { DenseNetError } from '../errors.js'
import { fileError } from '../node/files.js'
import { flatSettings } from '../runs/run-summary.js'
import { type EpochCurves, type Failure, type Settings, type StepCurves, type StepMetric, stepMetrics } from './api.js'
import { pageFiles } from './assets.js'
import { type BucketQuery, bucketSeries } from './buckets.js'
import { Evaluations } from './evaluations.js'
import { runEvents } from './events.js'
import { guard } from './guard.js'
import type { RunHistory } from './history.js'
import { inspectRoutes } from './inspections.js'
import { modelFacts } from './model.js'
import { bucketGrid, epochsQuery, evaluationQuery, parseQuery, runQuery, stepsQuery } from './queries.js'
import { RunList } from './run-list.js'

/** How long an answer waits for a log that is being read, before it says what there is so far. */
const PATIENCE_MILLISECONDS = 100
const LOOK_MILLISECONDS = 1_000

export interface DashboardApp {
  readonly app: Hono
  close(): void
}

/** `folder`: a run, or a folder of runs at any depth. */
export function dashboardApp(
  folder: string,
  { lookMilliseconds = LOOK_MILLISECONDS, pages = pageFiles() } = {},
): DashboardApp {
  const runs = new RunList(folder, lookMilliseconds)
  const evaluations = new Evaluations()
  const inspections = inspectRoutes(run => runs.folderOf(run))
  const instance = randomBytes(4).toString('hex')
  const app = new Hono()
  app.use(guard)
  app.use('/api/*', compress())
  app.use('/api/*', async (context, next) => {
    // A question may come before anybody listens to the events.
    if (runs.version === 0 && context.req.path !== '/api/events') await runs.look()
    await next()
  })

  app.get('/api/events', context => runEvents(context, runs, instance))
  app.get('/api/runs', async context => {
    await runs.look()
    return context.json(runs.summaries)
  })
  app.get('/api/steps', async context => {
    const { run, metrics, smoothing, ...wanted } = parseQuery(stepsQuery, context.req.query())
    const history = runs.history(run)
    await history.read(PATIENCE_MILLISECONDS)
    const { lastStep } = history.steps
    return context.json(stepCurves(history, metrics, { ...bucketGrid(wanted, lastStep), smoothing }))
  })
  app.get('/api/epochs', async context => {
    const { run, after } = parseQuery(epochsQuery, context.req.query())
    const history = runs.history(run)
    await history.read(PATIENCE_MILLISECONDS)
    const { generation, complete, epochs, warnings, damagedLines } = history
    const later = epochs.filter(({ epoch }) => epoch > after)
    return context.json({ generation, complete, epochs: later, warnings, damagedLines } satisfies EpochCurves)
  })
  app.get('/api/settings', async context => {
    const { run } = parseQuery(runQuery, context.req.query())
    const settings = await flatSettings(runs.folderOf(run))
    const text = (value: unknown): string => (typeof value === 'string' ? value : JSON.stringify(value))
    return context.json(
      Object.fromEntries([...settings].map(([name, value]) => [name, text(value)])) satisfies Settings,
    )
  })
  app.get('/api/model', async context => {
    const { run } = parseQuery(runQuery, context.req.query())
    return context.json(await modelFacts(runs.folderOf(run)))
  })
  app.get('/api/evaluation', async context => {
    const { run, checkpoint } = parseQuery(evaluationQuery, context.req.query())
    return context.json(await evaluations.state(runs.folderOf(run), checkpoint))
  })
  app.post('/api/evaluation', async context => {
    const { run, checkpoint } = parseQuery(evaluationQuery, context.req.query())
    const at = runs.folderOf(run)
    await evaluations.start(at, checkpoint)
    return context.json(await evaluations.state(at, checkpoint), 202)
  })
  app.delete('/api/evaluation', async context => {
    const { run, checkpoint } = parseQuery(evaluationQuery, context.req.query())
    const at = runs.folderOf(run)
    evaluations.cancel(at, checkpoint)
    return context.json(await evaluations.state(at, checkpoint))
  })
  app.route('/api/inspect', inspections.routes)
  app.get('*', context => pages(context, context.req.path) ?? context.notFound())

  app.notFound(context => context.json({ error: `there is no ${context.req.path}` } satisfies Failure, 404))
  app.onError((thrown, context) => {
    const error = fileError(thrown, 'reading a run') as Error
    const known = error instanceof DenseNetError
    const failure: Failure = { error: error.message, hint: known ? error.hint : undefined }
    return context.json(failure, known && error.code === 'usage' ? 400 : 500)
  })
  return {
    app,
    close: () => {
      runs.close()
      evaluations.close()
      inspections.close()
    },
  }
}

function stepCurves(history: RunHistory, metrics: readonly StepMetric[], query: BucketQuery): StepCurves {
  const { generation, complete, steps } = history
  const { from, width } = query
  const series = Object.fromEntries(
    stepMetrics.filter(name => metrics.includes(name)).map(name => [name, bucketSeries(steps, name, query)]),
  )
  return { generation, complete, lastStep: steps.lastStep, from, width, series }
}
