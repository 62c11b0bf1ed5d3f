import { runProgram } from './service.ts'

/** The lines of a log that make fail2ban count a failure. @param filter a name of Debian's, or a file */
export async function countedByFail2ban(logFile: string, filter: string): Promise<string[]> {
  const { exitCode, stdout, stderr } = await runProgram(
    'fail2ban-regex',
    ['--print-all-matched', '--print-no-missed', logFile, filter],
    { PATH: process.env.PATH },
  )
  if (!/^Lines: \d+ lines/m.test(stdout)) throw new Error(`fail2ban-regex ended with ${exitCode}: ${stdout}${stderr}`)
  const [, matched = ''] = /^\|- Matched line\(s\):\n((?:\| {2}.*\n)*)/m.exec(stdout) ?? []
  return matched
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => line.slice('|  '.length))
}

/** The networks that fail2ban would count a failure of, once for each. */
export async function networksSeenByFail2ban(logFile: string, filter: string): Promise<string[]> {
  const { stdout } = await runProgram('fail2ban-regex', ['--out', 'id', logFile, filter], { PATH: process.env.PATH })
  return stdout.split('\n').filter((line) => line !== '')
}
