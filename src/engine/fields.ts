// Whether a call is what kernels.ts says: every field there and of its kind, and no other. Otherwise a misspelt stride would be
// 0, and a misspelt norm none.
import { type Field, type Fields, fieldsOf, REF, VIEW, VOCABULARY } from './vocabulary.js'

/** What is wrong with a call, such as "norm.gamma is missing"; null: nothing. */
export function fieldProblem(call: object): string | null {
  const { kernel } = call as { kernel?: unknown }
  if (kernel === undefined) return 'kernel is missing'
  if (!Object.hasOwn(VOCABULARY, kernel as string)) return 'kernel must be the name of a kernel'
  return objectProblem(call, fieldsOf(call as never), '', ['kernel'])
}

function objectProblem(value: object, fields: Fields, path: string, more: readonly string[] = []): string | null {
  for (const name in fields) {
    const problem = valueProblem((value as Record<string, unknown>)[name], fields[name]!)
    if (problem !== null) return path + name + problem
  }
  // An optional field may be there and say nothing.
  const known = (name: string): boolean => Object.hasOwn(fields, name) || more.includes(name)
  const other = Object.keys(value).find(name => !known(name) && value[name as keyof typeof value] !== undefined)
  return other === undefined ? null : `${path}${other} is no field of it`
}

/** Begins with " " or, of a field further in, with its path. */
function valueProblem(value: unknown, field: Field): string | null {
  if (value === undefined) return field.without === 'absent' ? null : ' is missing'
  if (value === null && field.without) return null
  switch (field.kind) {
    case 'flag':
      return typeof value === 'boolean' ? null : ' must be true or false'
    case 'number':
      if (typeof value !== 'number' || Number.isNaN(value)) return ' must be a number'
      return field.fraction && !(value >= 0 && value < 1) ? ' must be at least 0 and below 1' : null
    case 'whole':
    case 'integer': {
      if (typeof value !== 'number' || Number.isNaN(value)) return ' must be a number'
      const most = field.kind === 'integer' ? 2 ** 31 - 1 : Number.MAX_SAFE_INTEGER
      const fits = Number.isInteger(value) && value >= field.least && value <= most
      return fits ? null : ` must be a whole number of ${field.least} or more`
    }
    default: {
      if (typeof value !== 'object' || value === null) return ' must be an object'
      const inner =
        field.kind === 'object'
          ? (field.fields as Fields)
          : field.kind === 'view' || field.kind === 'scores'
            ? VIEW
            : REF
      return objectProblem(value, inner as Fields, '.')
    }
  }
}
