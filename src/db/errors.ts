// PostgreSQL error codes (PostgreSQL documentation, appendix A).
export function isUniqueViolation(error: unknown): boolean {
  return codeOf(error) === '23505'
}

export function isForeignKeyViolation(error: unknown): boolean {
  return codeOf(error) === '23503'
}

function codeOf(error: unknown): unknown {
  return error instanceof Error && 'code' in error ? error.code : undefined
}
