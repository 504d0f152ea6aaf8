// What all pages of the project look like: colours for light and dark, and type.

export const PAGE_STYLE = `
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
`
