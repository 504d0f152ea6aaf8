// Reads what a shared library asks of the machine that loads it, from its bytes: ELF, Mach-O and PE, of 64 bits and little-endian.

/** The text at `offset`, which ends with a zero. */
const textAt = (bytes, offset) => bytes.toString('latin1', offset, bytes.indexOf(0, offset))
const count = (n, make) => Array.from({ length: n }, (_, i) => make(i))
const long = (bytes, offset) => Number(bytes.readBigUInt64LE(offset))

/** `libraries` that must be there, and `symbols` that must be found: with their versions in `versions`. */
function elf(bytes) {
  const processor = { 62: 'x64', 183: 'arm64' }[bytes.readUInt16LE(18)]
  const table = long(bytes, 40)
  const sections = count(bytes.readUInt16LE(60), i => {
    const at = table + i * bytes.readUInt16LE(58)
    return {
      type: bytes.readUInt32LE(at + 4),
      at: long(bytes, at + 24),
      size: long(bytes, at + 32),
      link: bytes.readUInt32LE(at + 40),
    }
  })
  const ofType = type => sections.filter(section => section.type === type)
  const name = (section, offset) => textAt(bytes, sections[section.link].at + offset)
  const [dynamic] = ofType(6)
  const libraries = count(dynamic.size / 16, i => dynamic.at + i * 16)
    .filter(at => long(bytes, at) === 1)
    .map(at => name(dynamic, long(bytes, at + 8)))
  const [symbolTable] = ofType(11)
  const symbols = count(symbolTable.size / 24, i => symbolTable.at + i * 24)
    .filter(at => bytes.readUInt32LE(at) > 0 && bytes.readUInt16LE(at + 6) === 0)
    .map(at => name(symbolTable, bytes.readUInt32LE(at)))
  const versions = []
  for (const section of ofType(0x6ffffffe)) {
    for (let at = section.at, next = -1; next !== 0; at += next) {
      for (let entry = at + bytes.readUInt32LE(at + 8), i = 0; i < bytes.readUInt16LE(at + 2); i++) {
        versions.push(name(section, bytes.readUInt32LE(entry + 8)))
        entry += bytes.readUInt32LE(entry + 12)
      }
      next = bytes.readUInt32LE(at + 12)
    }
  }
  return { system: 'linux', processor, libraries, symbols, versions, stripped: ofType(2).length === 0 }
}

function machO(bytes) {
  const processor = { 16777223: 'x64', 16777228: 'arm64' }[bytes.readUInt32LE(4)]
  const found = { system: 'darwin', processor, libraries: [], symbols: [], versions: [], stripped: true, signed: false }
  for (let i = 0, at = 32; i < bytes.readUInt32LE(16); i++, at += bytes.readUInt32LE(at + 4)) {
    const command = bytes.readUInt32LE(at)
    const field = n => bytes.readUInt32LE(at + 4 * n)
    if (command === 0xc) found.libraries.push(textAt(bytes, at + field(2)))
    if (command === 0x1d) found.signed = true
    if (command === 0x32) found.versions.push(`macOS_${field(3) >> 16}.${(field(3) >> 8) & 255}`)
    if (command !== 2) continue
    const [symbols, total, names] = [field(2), field(3), field(4)]
    for (let s = symbols; s < symbols + total * 16; s += 16) {
      const type = bytes[s + 4]
      if ((type & 0xe0) !== 0) found.stripped = false
      else if ((type & 0x0e) === 0) found.symbols.push(textAt(bytes, names + bytes.readUInt32LE(s)).replace(/^_/, ''))
    }
  }
  return found
}

function pe(bytes) {
  const header = bytes.readUInt32LE(0x3c)
  const processor = { 34404: 'x64', 43620: 'arm64' }[bytes.readUInt16LE(header + 4)]
  const optional = header + 24
  const sections = count(bytes.readUInt16LE(header + 6), i => {
    const at = optional + bytes.readUInt16LE(header + 20) + i * 40
    return { address: bytes.readUInt32LE(at + 12), size: bytes.readUInt32LE(at + 8), file: bytes.readUInt32LE(at + 20) }
  })
  const offset = address => {
    const section = sections.find(({ address: first, size }) => address >= first && address < first + size)
    return address - section.address + section.file
  }
  const libraries = []
  const symbols = []
  const directory = n => bytes.readUInt32LE(optional + 112 + 8 * n)
  for (let at = offset(directory(1)); bytes.readUInt32LE(at + 12) !== 0; at += 20) {
    libraries.push(textAt(bytes, offset(bytes.readUInt32LE(at + 12))))
    for (let entry = offset(bytes.readUInt32LE(at)); long(bytes, entry) !== 0; entry += 8) {
      symbols.push(textAt(bytes, offset(bytes.readUInt32LE(entry)) + 2))
    }
  }
  return {
    system: 'win32',
    processor,
    libraries,
    symbols,
    versions: [],
    stripped: bytes.readUInt32LE(header + 16) === 0,
  }
}

/** What the library in these bytes is: `system` and `processor` as Node calls them, `libraries`, `symbols` and `versions` that it needs. */
export function readBinary(bytes) {
  const magic = bytes.readUInt32BE(0)
  if (magic === 0x7f454c46) return elf(bytes)
  if (magic === 0xcffaedfe) return machO(bytes)
  if (bytes.toString('latin1', 0, 2) === 'MZ') return pe(bytes)
  throw new Error('neither ELF nor Mach-O nor PE')
}
