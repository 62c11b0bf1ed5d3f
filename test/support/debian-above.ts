import { spawnSync } from 'node:child_process'
import { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { bothDebians } from './debian.ts'

interface Ran {
  readonly status: number | null
  readonly stdout: string
  readonly stderr: string
}

// The layers are mounted anew for each command, where nobody else sees them; what it writes stays in the upper one.
const ENTER = `
  mount -t overlay -o "lowerdir=$0,upperdir=$1/upper,workdir=$1/work" overlay "$1/view"
  mount -t proc proc "$1/view/proc"
  mount -t devtmpfs devtmpfs "$1/view/dev"
  mount --bind "$2" "$1/view/mnt"
  exec chroot "$1/view" sh -c "$3"`

/** The Debian that this machine is not, to install packages in: without systemd, and with `given` as its /mnt. */
export function debianAbove(folder: string, given: string): { run(line: string): Ran; must(line: string): string } {
  const root = bothDebians()
    .map((one) => one.root)
    .join('')
  const layers = join(folder, 'above')
  for (const name of ['upper', 'work', 'view']) mkdirSync(join(layers, name), { recursive: true })
  const env = { PATH: '/usr/sbin:/usr/bin:/sbin:/bin', LC_ALL: 'C.UTF-8', DEBIAN_FRONTEND: 'noninteractive' }
  const run = (line: string) =>
    spawnSync('unshare', ['--mount', 'sh', '-euc', ENTER, root, layers, given, line], { env, encoding: 'utf8' })
  return {
    run,
    must(line) {
      const { status, stdout, stderr } = run(line)
      if (status !== 0) throw new Error(`${line} (${status}): ${stdout}${stderr}`)
      return stdout
    },
  }
}
