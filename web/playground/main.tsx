import { render } from 'preact'
import '../style/tokens.css'
import '../style/base.css'
import '../style/shell.css'
import '../style/curves.css'
import '../style/pages.css'
import '../style/inspect.css'
import './playground.css'
import { lookAtBase } from './network.js'
import { complain } from './notice.js'
import { alone, keepOffline } from './once.js'
import { openProject } from './project.js'
import { Shell } from './shell.js'
import { openTaught } from './trainings.js'

async function begin(): Promise<void> {
  await keepOffline()
  if (!(await alone())) {
    document.getElementById('page')!.textContent =
      'The playground is open in another tab or window already. Go on there, or close it and load this page again.'
    return
  }
  render(<Shell />, document.getElementById('page')!)
  await openProject()
  await openTaught()
  await lookAtBase()
}

begin().catch(complain)
