// How the report's page looks.

export const STYLE = `
:root { color-scheme: light dark; --back: #fff; --text: #1c1e21; --soft: #62676f; --line: #dfe2e6; --panel: #f5f6f8;
  --right: 34 139 94; --wrong: 205 70 60; --bar: #3b74c4 }
@media (prefers-color-scheme: dark) {
  :root { --back: #16181c; --text: #e6e8eb; --soft: #9aa1ab; --line: #33373e; --panel: #1f2228;
    --right: 70 170 120; --wrong: 230 105 90; --bar: #6ba0ea }
}
* { box-sizing: border-box }
body { margin: 0 auto; max-width: 68rem; padding: 1.5rem; background: var(--back); color: var(--text);
  font: 15px/1.45 system-ui, -apple-system, "Segoe UI", Roboto, "Liberation Sans", sans-serif }
h1 { font-size: 1.5rem; margin: 0 }
h2 { font-size: 1.1rem; margin: 2rem 0 .6rem }
p { color: var(--soft); margin: .3rem 0 .8rem; max-width: 46rem; overflow-wrap: anywhere }
.tiles { display: flex; flex-wrap: wrap; gap: .75rem; margin: 1.25rem 0 0 }
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
figcaption { padding: .4rem .6rem .5rem; font-size: .85rem; overflow-wrap: anywhere }
figcaption small { color: var(--soft) }
`
