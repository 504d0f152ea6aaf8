// The pages. To add one: a component in web/pages, a line here, its look in web/style/pages.css, its data in
// src/dashboard/app.ts (a route) and src/dashboard/api.ts (the type of the answer). A page of one run takes `run`, an id for
// ask('...', { run }); the others look at shownRuns. Everything must work with keys, at 390 pixels, in both schemes.
import type { ComponentType } from 'preact'
import type { RunSummary } from './api.js'
import { ComparePage } from './pages/compare.js'
import { CurvesPage } from './pages/curves.js'
import { EvaluationPage } from './pages/evaluation.js'
import { ModelPage } from './pages/model.js'
import { RunsPage } from './pages/runs.js'

interface Titled {
  /** In the address. */
  readonly id: string
  readonly title: string
}

export type Page = Titled &
  (
    | { readonly about: 'runs'; readonly component: ComponentType }
    | { readonly about: 'run'; readonly component: ComponentType<{ readonly run: RunSummary }> }
  )

export const pages: readonly Page[] = [
  { id: 'runs', title: 'Runs', about: 'runs', component: RunsPage },
  { id: 'curves', title: 'Curves', about: 'runs', component: CurvesPage },
  { id: 'compare', title: 'Compare', about: 'runs', component: ComparePage },
  { id: 'evaluation', title: 'Evaluation', about: 'run', component: EvaluationPage },
  { id: 'model', title: 'Model', about: 'run', component: ModelPage },
]
