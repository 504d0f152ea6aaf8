// The text of a list, and its cells: UTF-8 or UTF-16; commas, semicolons or tabs between the cells.

import { readFile, stat } from 'node:fs/promises'
import { CsvError, parse } from 'csv-parse/sync'
import { DenseNetError, usageError } from '../../errors.js'
import { fileError } from '../../node/files.js'

/** Of a list; one for each image of ImageNet takes a tenth. */
const MOST_BYTES = 256 * 2 ** 20
const DELIMITERS = [',', ';', '\t'] as const

/** Lines of cells. What is between these is chosen so that the first line has the headings wanted; else commas. */
export async function readTable(
  path: string,
  hasHeadings: (headings: readonly string[]) => boolean,
  layout: string,
): Promise<string[][]> {
  const text = decoded(await read(path), path)
  const [first = ''] = text.split(/\r?\n|\r/, 1)
  const cells = (delimiter: string): string[] => first.split(delimiter).map(cell => cell.trim().replace(/^"|"$/g, ''))
  const delimiter = DELIMITERS.find(each => hasHeadings(cells(each))) ?? ','
  try {
    return parse(text, { delimiter, skip_empty_lines: true, trim: true })
  } catch (cause) {
    if (!(cause instanceof CsvError)) throw cause
    throw new DenseNetError(`${path} is no CSV list: ${cause.message}`, { code: 'usage', cause, hint: layout })
  }
}

async function read(path: string): Promise<Buffer> {
  try {
    const facts = await stat(path)
    if (!facts.isFile()) throw usageError(`${path} is neither a folder nor a file`)
    if (facts.size > MOST_BYTES) throw usageError(`${path} has ${facts.size}, more than ${MOST_BYTES} bytes of a list`)
    return await readFile(path)
  } catch (error) {
    throw fileError(error, `reading ${path}`)
  }
}

/** Without a byte order mark. */
function decoded(bytes: Buffer, path: string): string {
  const beginning = bytes.toString('latin1', 0, 4)
  if (['PK\x03\x04', '\x1f\x8b', 'Rar!'].some(archive => beginning.startsWith(archive))) {
    throw usageError(`${path} is an archive, not a folder or a list`, 'unpack it and give the folder')
  }
  try {
    if (beginning.startsWith('\xff\xfe')) return new TextDecoder('utf-16le', { fatal: true }).decode(bytes)
    if (beginning.startsWith('\xfe\xff')) return new TextDecoder('utf-16be', { fatal: true }).decode(bytes)
    return new TextDecoder('utf-8', { fatal: true }).decode(bytes)
  } catch (cause) {
    if (/^\xff\xfe|^\xfe\xff/.test(beginning)) {
      throw new DenseNetError(`${path} begins as UTF-16, but is not`, { code: 'usage', cause })
    }
    const hint = 'save the list as UTF-8 (in Excel: CSV UTF-8)'
    throw new DenseNetError(`line ${wrongLine(bytes)} of ${path} is not UTF-8`, { code: 'usage', cause, hint })
  }
}

/** The first line with bytes that are none of UTF-8, from 1; a line feed is in no other character of it. */
function wrongLine(bytes: Buffer): number {
  for (let [start, line] = [0, 1]; ; line++) {
    const end = bytes.indexOf(10, start)
    const own = bytes.subarray(start, end < 0 ? bytes.length : end)
    try {
      new TextDecoder('utf-8', { fatal: true }).decode(own)
    } catch {
      return line
    }
    if (end < 0) return line
    start = end + 1
  }
}
