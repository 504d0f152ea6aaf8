// How the report's page looks.

import { PAGE_STYLE } from '../util/page-style.js'

export const STYLE = `${PAGE_STYLE}.tiles { display: flex; flex-wrap: wrap; gap: .75rem; margin: 1.25rem 0 0 }
.tiles div { background: var(--panel); border: 1px solid var(--line); border-radius: 8px; padding: .6rem 1rem; min-width: 8rem }
dt { color: var(--soft); font-size: .85rem }
dd { margin: 0; font-size: 1.4rem; font-variant-numeric: tabular-nums }
.wide { overflow-x: auto }
table { border-collapse: collapse; font-variant-numeric: tabular-nums }
th, td { padding: .25rem .7rem; text-align: right; border-bottom: 1px solid var(--line); white-space: nowrap }
th { font-weight: 600 }
tbody th, thead th:first-child, .text { text-align: left }
td.text { color: var(--soft) }
thead th { color: var(--soft); font-size: .85rem }
.sum > * { border-top: 2px solid var(--line) }
.matrix th, .matrix td { border: 0; padding: .2rem .35rem; font-size: .85rem }
.matrix td { text-align: center; min-width: 2.6rem; border: 1px solid var(--back); background: var(--panel) }
.matrix td.right { background: rgb(var(--right) / var(--share)) }
.matrix td.wrong { background: rgb(var(--wrong) / var(--share)) }
.matrix .up { vertical-align: bottom; text-align: left; height: 6.5rem; padding: 0; position: relative }
.matrix .up span { position: absolute; left: 60%; bottom: .2rem; transform: rotate(-50deg); transform-origin: left bottom }
details { margin-top: .8rem }
summary { cursor: pointer; color: var(--soft) }
.beside { display: flex; flex-wrap: wrap; gap: 1.5rem; align-items: center }
.beside p { flex: 1 1 18rem }
.diagram text { fill: var(--soft); font-size: 11px }
.diagram .grid { stroke: var(--line) }
.diagram .bar { fill: var(--bar) }
.diagram .ideal { stroke: var(--text); stroke-dasharray: 4 4 }
.cards { display: grid; grid-template-columns: repeat(auto-fill, minmax(9.5rem, 1fr)); gap: .9rem }
figure { margin: 0; background: var(--panel); border: 1px solid var(--line); border-radius: 8px; overflow: hidden }
figure img { display: block; width: 100%; aspect-ratio: 1; object-fit: contain; image-rendering: pixelated }
.triples { display: grid; grid-template-columns: repeat(auto-fill, minmax(min(30rem, 100%), 1fr)); gap: .9rem }
.triple div { display: grid; grid-template-columns: repeat(3, 1fr); gap: 2px }
.triple img { aspect-ratio: auto }
.swatch { display: inline-block; width: .8em; height: .8em; border-radius: 2px }
figcaption { padding: .4rem .6rem .5rem; font-size: .85rem; overflow-wrap: anywhere }
figcaption small { color: var(--soft) }
`
