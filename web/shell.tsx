// What surrounds every page: the bar at the top, the runs at the side, the pages' names.
import { useSignal } from '@preact/signals'
import { useEffect, useRef } from 'preact/hooks'
import { plural } from './format.js'
import { connection, folder, listed, runs } from './live.js'
import { type Page, pages } from './pages.js'
import { address, currentRun, page } from './route.js'
import { RunRail } from './run-rail.js'
import { nextTheme, themeChoice } from './theme.js'

const CONNECTION = { connecting: 'connecting …', live: 'live', lost: 'connection lost, trying again …' } as const
const THEMES = { system: 'as the system', light: 'light', dark: 'dark' } as const

export function Shell() {
  const chosen = pages.find(({ id }) => id === page.value) ?? pages[1]!
  useEffect(() => {
    document.title = `${chosen.title}${currentRun.value === null ? '' : ` – ${currentRun.value}`} – densenet`
  })
  const names = useRef<HTMLElement>(null)
  // Where there is not room for all the names, that of the page is seen.
  useEffect(() => {
    names.current?.querySelector('[aria-current]')?.scrollIntoView({ block: 'nearest', inline: 'center' })
  }, [chosen.id])
  return (
    <>
      <button type="button" class="skip" onClick={() => document.getElementById('main')?.focus()}>
        To the page
      </button>
      <TopBar />
      <div class="columns">
        <RunsSide />
        <div class="work">
          <nav class="pages" aria-label="Pages" ref={names}>
            {pages.map(({ id, title }) => (
              <a key={id} href={address({ page: id })} aria-current={id === chosen.id ? 'page' : undefined}>
                {title}
              </a>
            ))}
          </nav>
          <main id="main" tabIndex={-1}>
            <Content chosen={chosen} />
          </main>
        </div>
      </div>
    </>
  )
}

function TopBar() {
  return (
    <header class="top">
      <span class="brand">densenet</span>
      <span class="folder" title={folder.value}>
        {folder.value}
      </span>
      <span class={`connection ${connection.value}`} role="status">
        {CONNECTION[connection.value]}
      </span>
      <button
        type="button"
        class="plain"
        onClick={nextTheme}
        aria-label={`Colours: ${THEMES[themeChoice.value]}; change`}
      >
        <span aria-hidden="true">◐</span> {THEMES[themeChoice.value]}
      </button>
    </header>
  )
}

function RunsSide() {
  const open = useSignal(false)
  return (
    <aside class={`side${open.value ? ' open' : ''}`} aria-label="Runs">
      <button
        type="button"
        class="side-toggle"
        aria-expanded={open.value}
        onClick={() => {
          open.value = !open.value
        }}
      >
        <span>{currentRun.value ?? 'no run'}</span>
        <span class="soft">{plural(runs.value.size, 'run')}</span>
      </button>
      <RunRail />
    </aside>
  )
}

function Content({ chosen }: { chosen: Page }) {
  if (!listed.value) return <p class="empty">Looking for runs …</p>
  if (runs.value.size === 0) {
    return (
      <div class="empty">
        <h1>No runs yet</h1>
        <p>
          There is no run in <code>{folder.value}</code>. Begin one, and it appears here by itself:
        </p>
        <pre>densenet train --recipe quick</pre>
      </div>
    )
  }
  if (chosen.about === 'runs') return <chosen.component />
  const run = currentRun.value === null ? undefined : runs.value.get(currentRun.value)
  if (run === undefined) return <p class="empty">There is no run “{currentRun.value}” any more. Choose another one.</p>
  if (run.state === 'damaged') return <p class="empty">This run cannot be read: {run.problem}.</p>
  return <chosen.component run={run} key={run.id} />
}
