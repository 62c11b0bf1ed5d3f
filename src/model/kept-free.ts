/** So much of each file system is never filled with copied mail: the smaller of both. */
export interface KeptFree {
  readonly percent: number
  readonly bytes: number
}
