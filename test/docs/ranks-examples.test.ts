// The examples for several machines: files that their readers can read, with commands that this program understands.
import { execFileSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { parseAllDocuments } from 'yaml'
import { trainCommand } from '../../dist/cli/commands/train.js'

const folder = join(import.meta.dirname, '../../examples/ranks')
const read = (name: string): string => readFileSync(join(folder, name), 'utf8')
const options = new Set(trainCommand(() => {}).options.map(({ long }) => long))

/** Every `--word` after `densenet train`, in the words of a shell or of lists. */
function expectKnown(text: string): void {
  // The words of densenet, and none of the launcher's before it.
  const own = text.split(/densenet[, ]+train|words=/).slice(1)
  const given = own.flatMap(words => words.split('\n')[0]!.match(/--[a-z-]+/g) ?? [])
  expect(given.length).toBeGreaterThan(1)
  for (const word of given) expect(options).toContain(word)
}

const documents = (name: string) =>
  parseAllDocuments(read(name)).map(document => {
    expect(document.errors).toEqual([])
    return document.toJS({ maxAliasCount: 10 })
  })

test('MPIJob', () => {
  const [job] = documents('mpijob.yaml')
  expect(job).toMatchObject({ apiVersion: 'kubeflow.org/v2beta1', kind: 'MPIJob' })
  const { Launcher, Worker } = job.spec.mpiReplicaSpecs
  const [launcher] = Launcher.template.spec.containers
  const ranks = Number(/mpirun -n (\d+)/.exec(launcher.args[0])![1])
  expect(ranks).toBe(Worker.replicas * job.spec.slotsPerWorker)
  expectKnown(launcher.args[0])
})

test('TrainJob, and the runtime that it names', () => {
  const [runtime, job] = documents('trainjob.yaml')
  expect(runtime).toMatchObject({ kind: 'TrainingRuntime', metadata: { name: job.spec.runtimeRef.name } })
  expect(job).toMatchObject({ apiVersion: 'trainer.kubeflow.org/v1alpha1', kind: 'TrainJob' })
  expectKnown([...job.spec.trainer.command, ...job.spec.trainer.args].join(' '))
})

test('sbatch', () => {
  execFileSync('bash', ['-n', join(folder, 'train.sbatch')])
  expectKnown(read('train.sbatch'))
})

test('hosts and Dockerfile', () => {
  const hosts = read('hosts')
    .split('\n')
    .filter(line => line !== '' && !line.startsWith('#'))
  for (const line of hosts) expect(line).toMatch(/^[\w.-]+ slots=\d+$/)
  const lines = read('Dockerfile')
    .replaceAll('\\\n', ' ')
    .split('\n')
    .filter(line => line !== '' && !line.startsWith('#'))
  for (const line of lines) expect(line).toMatch(/^(FROM|RUN|USER|WORKDIR|CMD) \S/)
})
