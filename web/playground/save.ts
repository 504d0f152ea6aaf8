// A file for the person, by way of the browser's downloads.

export function save(content: BlobPart | readonly BlobPart[], name: string): void {
  const address = URL.createObjectURL(new Blob(Array.isArray(content) ? content : [content as BlobPart]))
  const link = Object.assign(document.createElement('a'), { href: address, download: name })
  link.click()
  // Some browsers begin to read it only later.
  setTimeout(() => URL.revokeObjectURL(address), 60_000)
}
