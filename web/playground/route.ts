// Which page is open, kept in the address: #/train
import { signal } from '@preact/signals'

const read = (): string => location.hash.replace(/^#\/?/, '')
export const page = signal(read())
addEventListener('hashchange', () => {
  page.value = read()
})

export const addressOf = (id: string): string => `#/${id}`
