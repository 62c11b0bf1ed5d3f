import { spawnSync } from 'node:child_process'
import type { World } from '../crossing/world.ts'

/** What homes, mirrors and all that is remembered take beyond the messages themselves, as a share of these. */
export function diskBeyondMail({ homes, service }: World): number {
  const find = ['find', homes, '-path', '*/Maildir/*', '-type', 'd', '(', '-name', 'cur', '-o', '-name', 'new', ')']
  const own = lines(find).filter((path) => !path.includes('/.postferry/'))
  const mail = kilobytes(own)
  return (kilobytes([homes, `${service.dataDir}/offlineimap`]) - mail) / mail
}

/** What several names share counts once. */
function kilobytes(paths: readonly string[]): number {
  return Number(/(\d+)\ttotal/.exec(lines(['du', '-sck', ...paths]).at(-1) ?? '')?.[1])
}

function lines([program = '', ...args]: readonly string[]): string[] {
  return spawnSync(program, args, { encoding: 'utf8', maxBuffer: 2 ** 26 })
    .stdout.trim()
    .split('\n')
}
