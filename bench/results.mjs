// What a comparison in this folder measured: plain data of one shape, which the command prints as a table and writes with
// `--json FILE`. docs/ shows tables of such files: scripts/docs/measured-tables.mjs.
//   { table, command, commit, processor, date, note?, rows }     seconds, bytes; each row as COLUMNS[table] reads it
import { execFileSync } from 'node:child_process'
import { writeFileSync } from 'node:fs'
import { cpus } from 'node:os'
import { table } from '../scripts/docs/table.mjs'

const time = seconds => (seconds < 0.1 ? `${digits(1000 * seconds)} ms` : `${digits(seconds)} s`)
const digits = number => `${Number(number.toPrecision(4))}`
const megabytes = bytes => `${Math.round(bytes / 1e6)} MB`
const times = number => number.toFixed(2)
const engine = name => ({
  [name]: ({ engines }) => {
    const found = engines[name]
    if (found === undefined) return undefined
    const ratio = found.times === undefined ? '' : ` (${times(found.times)})`
    return `${time(found.seconds)}${ratio}, ${megabytes(found.peakBytes)}`
  },
})

/** What users call them -> what they are. */
export const PRECISIONS = { single: 'float32', half: 'bfloat16', double: 'float64' }

/** A figure of ours in one precision, where there is one; rows of old are of float32. */
const ours = (precision, figure) => row => {
  const found = (row.ours ?? [{ precision: 'float32', ...row }]).find(one => one.precision === precision)
  return found && figure(found)
}
const seconds = found => time(found.seconds)
const memory = found => megabytes(found.peakBytes)
const wayOf = ({ way, precision = 'float32' }) => (precision === 'float32' ? way : `${way}, ${precision}`)

/** Of each table the columns: head -> text of a row. A column of rows that lack its figure is left out. */
const COLUMNS = {
  pytorch: {
    work: ({ work }) => work,
    ours: ours('float32', seconds),
    'ours, bfloat16': ours('bfloat16', seconds),
    'ours, float64': ours('float64', seconds),
    'PyTorch (its fastest way)': ({ pytorch: [best] }) => `${time(best.seconds)} (${wayOf(best)})`,
    'PyTorch / ours': ({ pytorch: [best] }) => times(best.times),
    'peak memory: ours': ours('float32', memory),
    'in bfloat16': ours('bfloat16', memory),
    'in float64': ours('float64', memory),
    PyTorch: ({ pytorch: [best] }) => megabytes(best.peakBytes),
  },
  inference: {
    work: ({ work }) => work,
    ...engine('ours'),
    ...engine('ours, bfloat16'),
    ...engine('onnxruntime'),
    ...engine('OpenVINO'),
    ...engine('OpenVINO, bfloat16'),
    ...engine('PyTorch'),
    ...engine('PyTorch, bfloat16'),
    ...engine('ours, int8'),
    ...engine('onnxruntime, int8'),
    ...engine('OpenVINO, int8'),
  },
  prediction: {
    work: ({ work }) => work,
    predicted: ({ predictedBytes }) => megabytes(predictedBytes),
    taken: ({ takenBytes }) => megabytes(takenBytes),
  },
  memory: {
    memory: ({ memory }) => memory,
    'median of a step': ({ seconds }) => time(seconds),
    'times that of store': ({ times: ratio }) => times(ratio),
    'peak memory': ({ peakBytes }) => megabytes(peakBytes),
  },
  threads: {
    threads: ({ threads }) => `${threads}`,
    'median of a step': ({ seconds }) => time(seconds),
    'times as fast as one': ({ times: ratio }) => times(ratio),
    'GFLOP/s': ({ gflops }) => gflops.toFixed(0),
  },
  batch: {
    batch: ({ batchSize }) => `${batchSize}`,
    'median of a step': ({ seconds }) => time(seconds),
    'an image': ({ imageSeconds }) => time(imageSeconds),
    'GFLOP/s': ({ gflops }) => gflops?.toFixed(0),
    'peak memory': ({ peakBytes }) => peakBytes && megabytes(peakBytes),
  },
  presets: {
    network: ({ model }) => model,
    batch: ({ batchSize }) => `${batchSize}`,
    'multiply-adds of an image': ({ multiplyAdds }) => `${(multiplyAdds / 1e9).toFixed(2)} G`,
    'median of a step': ({ seconds }) => time(seconds),
    'GFLOP/s': ({ gflops }) => gflops.toFixed(0),
  },
}

/** As Markdown, `only` of the rows, counted from 1; all without. */
export function tableOf({ table: name, rows }, only = rows.map((_, i) => i + 1)) {
  const columns = Object.entries(COLUMNS[name])
  const body = only.map(n => columns.map(([, text]) => text(rows[n - 1])))
  const kept = columns.map((_, i) => body.some(row => row[i] !== undefined))
  const shown = [columns.map(([head]) => head), ...body]
  return table(shown.map(row => row.filter((_, i) => kept[i])))
}

/** Where, when and by what command, in a line. */
export function captionOf({ processor, date, commit, command, note }) {
  return `${processor}; ${date}; commit ${commit}; \`${command}\`${note ? `; ${note}` : ''}`
}

/** Prints rows as a table and writes them to `json`, if that is asked for. `backend`: as `measure` tells it; `note`: what else
 * the figures depend on. */
export function tell(name, backend, rows, json, note) {
  const [, script, ...words] = process.argv
  const args = words.map(word => (/\s/.test(word) ? JSON.stringify(word) : word)).join(' ')
  const result = {
    table: name,
    command: `node bench/${script.split('/').at(-1)} ${args.replace(/ ?--json[ =]\S+/, '')}`.trim(),
    commit: execFileSync('git', ['describe', '--always', '--dirty', '--exclude=*'], { encoding: 'utf8' }).trim(),
    processor: `${cpus()[0]?.model.trim()} (${backend.replace(/^native: /, '')})`,
    date: new Date().toISOString().slice(0, 10),
    note,
    rows,
  }
  console.log(`\n${captionOf(result)}\n\n${tableOf(result)}`)
  if (json) writeFileSync(json, textOf(result))
}

/** As the files are: a row a line. */
export function textOf({ rows, ...what }) {
  const head = JSON.stringify(what, null, 2).slice(0, -2)
  return `${head},\n  "rows": [\n${rows.map(row => `    ${JSON.stringify(row)}`).join(',\n')}\n  ]\n}\n`
}
