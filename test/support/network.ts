import { execFileSync } from 'node:child_process'
import { randomInt } from 'node:crypto'

const ip = (...args: string[]) => execFileSync('ip', args, { encoding: 'utf8', stdio: 'pipe' })

/** A host as far as the network goes: an address and a name of its own. Its files are this machine's. */
export interface Host {
  readonly address: string
  /** Stands before a program and its arguments, so that they run there. */
  readonly enter: readonly string[]
  /** Whatever it sends or is sent gets lost, as with a cable that is pulled out. */
  cutOff(): void
  join(): void
}

/** Hosts on one wire, each in a network namespace; this machine's own is on it as well. */
export class Network implements Disposable {
  readonly #number = randomInt(1, 250)
  readonly #name = `ferry${this.#number}`
  readonly #hosts: string[] = []

  constructor() {
    if (process.getuid?.() !== 0) throw new Error('root alone makes networks: run this test as root')
    ip('link', 'add', this.#name, 'type', 'bridge')
    ip('address', 'add', `${this.#address(1)}/24`, 'dev', this.#name)
    ip('link', 'set', this.#name, 'up')
  }

  host(name: string): Host {
    const space = `${this.#name}-${name}`
    const cable = `${this.#name}${name}`.slice(0, 15)
    ip('netns', 'add', space)
    this.#hosts.push(space)
    const address = this.#address(10 + this.#hosts.length)
    ip('link', 'add', cable, 'type', 'veth', 'peer', 'name', 'eth0', 'netns', space)
    ip('link', 'set', cable, 'master', this.#name, 'up')
    for (const device of ['lo', 'eth0']) ip('-n', space, 'link', 'set', device, 'up')
    ip('-n', space, 'address', 'add', `${address}/24`, 'dev', 'eth0')
    const named = ['unshare', '--uts', 'sh', '-c', 'hostname "$0" && exec "$@"', name]
    return {
      address,
      enter: ['ip', 'netns', 'exec', space, ...named],
      cutOff: () => void ip('link', 'set', cable, 'down'),
      join: () => void ip('link', 'set', cable, 'up'),
    }
  }

  #address(last: number): string {
    return `198.18.${this.#number}.${last}`
  }

  [Symbol.dispose](): void {
    for (const space of this.#hosts) ip('netns', 'delete', space)
    ip('link', 'delete', this.#name)
  }
}
