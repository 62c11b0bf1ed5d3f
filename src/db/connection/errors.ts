// PostgreSQL error codes (PostgreSQL documentation, appendix A).
/** @param constraint the name of the violated one; any, when it is not given */
export function isUniqueViolation(error: unknown, constraint?: string): boolean {
  if (codeOf(error) !== '23505') return false
  return constraint === undefined || (error as { constraint?: string }).constraint === constraint
}

export function isForeignKeyViolation(error: unknown): boolean {
  return codeOf(error) === '23503'
}

function codeOf(error: unknown): unknown {
  return error instanceof Error && 'code' in error ? error.code : undefined
}
