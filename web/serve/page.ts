// What the page of `densenet serve` does: sends images, shows answers. Texts enter the page as text only.
import type { Classification, Failure, ModelFacts } from '../../src/server/schemas.js'

const byId = (id: string): HTMLElement => document.getElementById(id)!

function make<Tag extends keyof HTMLElementTagNameMap>(
  tag: Tag,
  className = '',
  text = '',
): HTMLElementTagNameMap[Tag] {
  return Object.assign(document.createElement(tag), { className, textContent: text })
}

const percent = (share: number): string =>
  share > 0 && share < 0.00005 ? '< 0.01 %' : `${(100 * share).toFixed(share < 0.0995 ? 2 : 1)} %`
const sentence = (text: string): string => `${text[0]!.toUpperCase()}${text.slice(1)}.`

async function showModel(): Promise<void> {
  const answer = await fetch('/v1/model')
  const { name, input, classCount, parameters, backend } = (await answer.json()) as ModelFacts
  document.title = name
  byId('name').textContent = name
  const size = `${input.height} x ${input.width} pixels`
  const millions = `${(parameters / 1e6).toPrecision(3)} million parameters`
  byId('facts').textContent = `${classCount} classes, ${size}, ${millions}, ${backend}`
}

async function ask(file: File): Promise<Classification | Failure> {
  try {
    const headers = { 'Content-Type': 'application/octet-stream' }
    const answer = await fetch('/v1/classify', { method: 'POST', headers, body: file })
    return (await answer.json()) as Classification | Failure
  } catch {
    return { error: 'the server cannot be reached' }
  }
}

async function classify(file: File): Promise<void> {
  const name = file.name || 'pasted image'
  const picture = make('img')
  picture.alt = file.name ? `the image ${file.name}` : 'the image'
  picture.src = URL.createObjectURL(file)
  picture.onerror = () => picture.remove()
  const text = make('div', 'answer')
  const state = make('p', 'state', 'looking …')
  text.append(make('h2', '', name), state)
  const card = make('article', 'card')
  card.append(picture, text)
  byId('answers').prepend(card)
  const start = performance.now()
  const answer = await ask(file)
  const result = 'error' in answer ? answer : answer.results[0]!
  if ('error' in result) {
    const { error } = result
    state.textContent = sentence(error)
    state.classList.add('error')
    byId('status').textContent = `${name}: ${error}`
    return
  }
  if (result.warning) text.append(make('p', 'error', sentence(result.warning)))
  const all = performance.now() - start
  const { milliseconds } = answer as Classification
  state.textContent = `${milliseconds.toFixed(0)} ms in the server, ${all.toFixed(0)} ms in all`
  const list = make('ol', 'bars')
  list.append(...result.predictions.map(bar))
  text.append(list)
  const [best] = result.predictions
  byId('status').textContent = `${name}: ${best!.label}, ${percent(best!.probability)}`
}

function bar({ label, probability }: { readonly label: string; readonly probability: number }): HTMLElement {
  const fill = make('span')
  fill.style.setProperty('--share', String(probability))
  const bar = make('span', 'bar')
  bar.setAttribute('aria-hidden', 'true')
  bar.append(fill)
  const row = make('li')
  row.append(make('span', 'label', label), make('span', 'number', percent(probability)), bar)
  return row
}

async function classifyAll(files: FileList): Promise<void> {
  for (const file of [...files]) await classify(file)
}

const input = byId('file') as HTMLInputElement
input.addEventListener('change', () => {
  void classifyAll(input.files!)
  input.value = ''
})

const zone = byId('zone')
let depth = 0
function mark(change: number): void {
  depth = Math.max(0, depth + change)
  zone.classList.toggle('over', depth > 0)
}
addEventListener('dragenter', event => {
  event.preventDefault()
  mark(1)
})
addEventListener('dragleave', () => mark(-1))
addEventListener('dragover', event => event.preventDefault())
addEventListener('drop', event => {
  event.preventDefault()
  mark(-depth)
  void classifyAll(event.dataTransfer!.files)
})
addEventListener('paste', event => void classifyAll(event.clipboardData!.files))

// What the network is can be missing; what it answers says so.
showModel().catch(() => {})
