// What the page does, as the browser gets it: sends images, shows answers. Texts enter the page as text only.

export const SCRIPT = `
const $ = id => document.getElementById(id)
const make = (tag, className, text) => {
  const element = document.createElement(tag)
  if (className) element.className = className
  if (text !== undefined) element.textContent = text
  return element
}
const percent = share => share > 0 && share < 0.00005 ? '< 0.01 %' : (100 * share).toFixed(share < 0.0995 ? 2 : 1) + ' %'

fetch('/v1/model').then(answer => answer.json()).then(model => {
  document.title = model.name
  $('name').textContent = model.name
  const { channels, height, width } = model.input
  $('facts').textContent = model.classCount + ' classes, ' + height + ' x ' + width + ' pixels, ' +
    (model.parameters / 1e6).toPrecision(3) + ' million parameters, ' + model.backend
}).catch(() => {})

async function classify(file) {
  const card = make('article', 'card')
  const picture = make('img')
  picture.alt = file.name ? 'the image ' + file.name : 'the image'
  picture.src = URL.createObjectURL(file)
  picture.onerror = () => picture.remove()
  const text = make('div', 'answer')
  const title = make('h2', '', file.name || 'pasted image')
  const state = make('p', 'state', 'looking …')
  text.append(title, state)
  card.append(picture, text)
  $('answers').prepend(card)
  const start = performance.now()
  let body
  try {
    const answer = await fetch('/v1/classify', { method: 'POST', headers: { 'Content-Type': 'application/octet-stream' }, body: file })
    body = await answer.json()
  } catch {
    body = { error: 'the server cannot be reached' }
  }
  const [result] = body.results ?? [body]
  if (result.error) {
    state.textContent = result.error[0].toUpperCase() + result.error.slice(1) + '.'
    state.classList.add('error')
    $('status').textContent = title.textContent + ': ' + result.error
    return
  }
  if (result.warning) text.append(make('p', 'error', result.warning[0].toUpperCase() + result.warning.slice(1) + '.'))
  const list = make('ol', 'bars')
  for (const { label, probability } of result.predictions) {
    const row = make('li')
    const bar = make('span', 'bar')
    bar.setAttribute('aria-hidden', 'true')
    const fill = make('span')
    fill.style.setProperty('--share', String(probability))
    bar.append(fill)
    row.append(make('span', 'label', label), make('span', 'number', percent(probability)), bar)
    list.append(row)
  }
  state.textContent = body.milliseconds.toFixed(0) + ' ms in the server, ' + (performance.now() - start).toFixed(0) + ' ms in all'
  text.append(list)
  const [best] = result.predictions
  $('status').textContent = title.textContent + ': ' + best.label + ', ' + percent(best.probability)
}

async function classifyAll(files) {
  for (const file of files) await classify(file)
}

const input = $('file')
input.addEventListener('change', () => {
  classifyAll([...input.files])
  input.value = ''
})
const zone = $('zone')
let depth = 0
const mark = change => {
  depth = Math.max(0, depth + change)
  zone.classList.toggle('over', depth > 0)
}
addEventListener('dragenter', event => { event.preventDefault(); mark(1) })
addEventListener('dragleave', () => mark(-1))
addEventListener('dragover', event => event.preventDefault())
addEventListener('drop', event => {
  event.preventDefault()
  mark(-depth)
  classifyAll([...event.dataTransfer.files])
})
addEventListener('paste', event => classifyAll([...event.clipboardData.files]))
`
