// Checksums of 32 bits: CRC-32C (Castagnoli: RFC 3720, section 12.1, and its appendix B.4 for known values) and zip's.

/** CRC-32C. */
export const crc32c = checksum(0x82f63b78)

/** The CRC-32 of zip, gzip and PNG. */
export const crc32 = checksum(0xedb88320)

/** Eight bytes at a time, each with a table of its own: weights have hundreds of megabytes. */
function checksum(polynomial: number): (bytes: Uint8Array) => number {
  const table = new Int32Array(8 * 256)
  for (let byte = 0; byte < 256; byte++) {
    let value = byte
    for (let bit = 0; bit < 8; bit++) value = value & 1 ? (value >>> 1) ^ polynomial : value >>> 1
    table[byte] = value
  }
  for (let i = 256; i < table.length; i++) table[i] = table[table[i - 256]! & 0xff]! ^ (table[i - 256]! >>> 8)
  const at = (place: number, byte: number): number => table[256 * place + (byte & 0xff)]!
  return bytes => {
    let crc = -1
    let i = 0
    for (const end = bytes.length - 7; i < end; i += 8) {
      crc ^= bytes[i]! | (bytes[i + 1]! << 8) | (bytes[i + 2]! << 16) | (bytes[i + 3]! << 24)
      const first = at(7, crc) ^ at(6, crc >>> 8) ^ at(5, crc >>> 16) ^ at(4, crc >>> 24)
      crc = first ^ at(3, bytes[i + 4]!) ^ at(2, bytes[i + 5]!) ^ at(1, bytes[i + 6]!) ^ at(0, bytes[i + 7]!)
    }
    for (; i < bytes.length; i++) crc = at(0, crc ^ bytes[i]!) ^ (crc >>> 8)
    return ~crc >>> 0
  }
}
