// What surrounds every page: the project's name, the pages, what the page has to say.
import { useEffect, useRef } from 'preact/hooks'
import { nextTheme, themeChoice } from '../theme.js'
import { DropTarget } from './drop.js'
import { notice } from './notice.js'
import { CheckPage } from './pages/check.js'
import { CifarPage } from './pages/cifar.js'
import { KeepPage } from './pages/keep.js'
import { PicturesPage } from './pages/pictures.js'
import { TrainPage } from './pages/train.js'
import { TryPage } from './pages/try.js'
import { loaded, projectName } from './project.js'
import { addressOf, page } from './route.js'

const THEMES = { system: 'as the system', light: 'light', dark: 'dark' } as const

/** In the order of the work. */
const PAGES = [
  { id: 'pictures', title: 'Pictures', component: PicturesPage },
  { id: 'train', title: 'Train', component: TrainPage },
  { id: 'check', title: 'Check', component: CheckPage },
  { id: 'try', title: 'Try', component: TryPage },
  { id: 'keep', title: 'Take away', component: KeepPage },
  { id: 'cifar10', title: 'CIFAR-10', component: CifarPage },
] as const

export function Shell() {
  const chosen = PAGES.find(({ id }) => id === page.value) ?? PAGES[0]
  const names = useRef<HTMLElement>(null)
  useEffect(() => {
    document.title = `${chosen.title} – ${projectName.value} – densenet playground`
    names.current?.querySelector('[aria-current]')?.scrollIntoView({ block: 'nearest', inline: 'center' })
  })
  return (
    <DropTarget>
      <button type="button" class="skip" onClick={() => document.getElementById('main')?.focus()}>
        To the page
      </button>
      <header class="top">
        <span class="brand">densenet playground</span>
        <input
          class="project"
          aria-label="Name of the project"
          value={projectName.value}
          onChange={event => {
            projectName.value = event.currentTarget.value.trim() || projectName.value
            event.currentTarget.value = projectName.value
          }}
        />
        <button
          type="button"
          class="plain"
          onClick={nextTheme}
          aria-label={`Colours: ${THEMES[themeChoice.value]}; change`}
        >
          <span aria-hidden="true">◐</span>
          <span class="theme-name">{THEMES[themeChoice.value]}</span>
        </button>
      </header>
      <nav class="pages" aria-label="Pages" ref={names}>
        {PAGES.map(({ id, title }) => (
          <a key={id} href={addressOf(id)} aria-current={id === chosen.id ? 'page' : undefined}>
            {title}
          </a>
        ))}
      </nav>
      <Notices />
      <main id="main" tabIndex={-1}>
        {loaded.value ? <chosen.component /> : <p class="empty">Looking for what was kept …</p>}
      </main>
    </DropTarget>
  )
}

function Notices() {
  const said = notice.value
  return (
    <div class="notices">
      <div role={said?.kind === 'wrong' ? 'alert' : 'status'}>
        {said && (
          <div class={said.kind === 'wrong' ? 'failure' : 'said'}>
            <p>
              {said.text}
              {said.hint && <span class="soft"> {said.hint}</span>}
            </p>
            <button
              type="button"
              class="plain"
              aria-label="Close this message"
              onClick={() => {
                notice.value = null
              }}
            >
              ✕
            </button>
          </div>
        )}
      </div>
    </div>
  )
}
