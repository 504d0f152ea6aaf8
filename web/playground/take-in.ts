// Takes in what was dropped, pasted or chosen.
import { usageError } from '../../src/errors.js'
import { splitNamed } from '../../src/images/names.js'
import { plural } from '../format.js'
import { tried } from './current.js'
import { type Given, isPicture, isProject, isWeights } from './files.js'
import { chooseBase } from './network.js'
import { say } from './notice.js'
import { addClass, addPictures, classes } from './project.js'
import { importProject } from './project-zip.js'
import { page } from './route.js'

/** `label`: the class that it was given to; undefined: none. */
export async function takeIn(given: readonly Given[], label?: string): Promise<void> {
  const project = given.find(isProject)
  if (project) {
    await importProject(project.file)
    return
  }
  const weights = given.find(isWeights)
  if (weights) {
    await chooseBase(weights.file)
    location.hash = '#/train'
    say(`${weights.file.name}: the next classifier is trained on its features`)
    return
  }
  const images = given.filter(isPicture)
  if (images.length === 0) {
    const hint = 'the playground takes pictures, folders of them, a project (.zip), and files of weights'
    throw usageError(given.length > 0 ? 'there are no pictures among these files' : 'there is no file', hint)
  }
  if (page.value === 'try') tried.value = images[0]!.file
  else await takePictures(images, label)
}

async function takePictures(images: readonly Given[], label: string | undefined): Promise<void> {
  let added = 0
  const refused: string[] = []
  const into = new Map<string, { heldOut: boolean | undefined; files: File[] }>()
  for (const { file, folders } of images) {
    const name = label ?? folders.at(-1) ?? classes.value.at(-1) ?? 'things'
    const split = label === undefined ? folders.map(splitNamed).find(found => found !== undefined) : undefined
    const heldOut = split === undefined ? undefined : split !== 'train'
    const key = JSON.stringify([name, heldOut])
    const part = into.get(key) ?? { heldOut, files: [] }
    part.files.push(file)
    into.set(key, part)
  }
  for (const [key, { heldOut, files }] of into) {
    const [name] = JSON.parse(key) as [string]
    const known = classes.value.find(other => other.toLowerCase() === name.normalize('NFC').toLowerCase())
    const found = await addPictures(known ?? addClass(name) ?? name, files, heldOut)
    added += found.added
    refused.push(...found.refused)
  }
  if (added > 0) say(`${plural(added, 'picture')} added`)
  if (refused.length > 0) {
    const more = refused.length > 1 ? `, and ${plural(refused.length - 1, 'other')} like it` : ''
    throw usageError(`${refused[0]}${more}`)
  }
}
