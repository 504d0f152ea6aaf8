// Names picked by patterns, in which * stands for anything.

/** Those of `names` that the whole of `pattern` fits. */
export function fitting(names: readonly string[], pattern: string): string[] {
  const parts = pattern.split('*').map(part => part.replace(/[.+?^${}()|[\]\\]/g, '\\$&'))
  const expression = new RegExp(`^${parts.join('.*')}$`)
  return names.filter(name => expression.test(name))
}
