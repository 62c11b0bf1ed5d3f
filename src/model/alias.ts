/** An address of nobody's own on the destination, and the addresses that its mail goes to. */
export interface Alias {
  readonly address: string
  readonly targets: readonly string[]
}
