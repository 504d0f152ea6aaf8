// What leaves the browser: the project, the weights; and how it comes back.
import { plural } from '../../format.js'
import { FileButton } from '../file-button.js'
import { taught } from '../network.js'
import { attempt, say } from '../notice.js'
import { clearProject, pictures, projectName } from '../project.js'
import { exportProject } from '../project-zip.js'
import { save } from '../save.js'
import { takeIn } from '../take-in.js'
import { going, openTaught } from '../trainings.js'

/** Of the project, as a file's. */
const fileName = (): string =>
  projectName.value.replace(/[^\p{L}\p{N}._-]+/gu, '-').replace(/^[-.]+|[-.]+$/g, '') || 'project'

export function KeepPage() {
  const network = taught.value
  const busy = going.value !== null
  const weights = (format: 'safetensors' | 'onnx' | 'pth') => async (): Promise<void> => {
    const bytes = await network!.export(format)
    save(bytes as Uint8Array<ArrayBuffer>, `${fileName()}.${format}`)
  }
  const zip = `${fileName()}.zip`
  return (
    <>
      <h1 class="visually-hidden">Take away</h1>
      <div class="keep">
        <section>
          <h2>The project</h2>
          <p>
            Pictures, classes, network and training as one file. Opened here again it goes on where it was, and takes
            more pictures.
          </p>
          <div class="actions">
            <button
              type="button"
              class="main"
              disabled={busy || pictures.value.length === 0}
              onClick={() =>
                attempt(async () => {
                  save(await exportProject(), zip)
                  say(`${zip} is in your downloads`)
                })
              }
            >
              Save the project
            </button>
            <FileButton accept=".zip" disabled={busy} onFiles={given => takeIn(given)}>
              Open a project …
            </FileButton>
          </div>
          <p class="soft">The command line goes on with it, and serves it:</p>
          <pre>{`densenet train --resume ${zip} --epochs 40\ndensenet serve ${zip}`}</pre>
        </section>
        <section>
          <h2>The network</h2>
          <p>
            {network
              ? `Tells ${network.classes.join(', ')} apart.`
              : 'Train one first; then its weights can be taken away.'}
          </p>
          <div class="actions">
            <button type="button" disabled={!network || busy} onClick={() => attempt(weights('safetensors'))}>
              safetensors
            </button>
            <button type="button" disabled={!network || busy} onClick={() => attempt(weights('onnx'))}>
              ONNX
            </button>
            <button type="button" disabled={!network || busy} onClick={() => attempt(weights('pth'))}>
              PyTorch
            </button>
          </div>
        </section>
        <section>
          <h2>Begin again</h2>
          <p>
            {pictures.value.length === 0
              ? 'There are no pictures in this browser.'
              : `${plural(pictures.value.length, 'picture')} and what was trained on them are kept in this browser until you remove them.`}
          </p>
          <button
            type="button"
            disabled={busy}
            onClick={() => {
              if (!confirm(`Remove ${projectName.value} from this browser? It cannot be brought back.`)) return
              attempt(async () => {
                await clearProject()
                await openTaught()
              })
            }}
          >
            Remove everything
          </button>
        </section>
      </div>
    </>
  )
}
