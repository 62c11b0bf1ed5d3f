import { type ChildProcess, execFileSync, spawn } from 'node:child_process'
import { once } from 'node:events'
import { copyFileSync, mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { basename, join } from 'node:path'
import { type Ended, runProgram } from './service.ts'
import { until } from './until.ts'

/** A Debian of its own, with systemd as process 1. Dispose to end it. */
export interface Booted extends AsyncDisposable {
  /** Runs a command line there, as root. */
  run(line: string): Promise<Ended>
  /** The same. @throws when it fails; returns what it printed */
  must(line: string): Promise<string>
  /** Lays a file into its /root; returns its name there. */
  bring(file: string): string
}

const ENVIRONMENT = { PATH: '/usr/sbin:/usr/bin:/sbin:/bin', LC_ALL: 'C.UTF-8', DEBIAN_FRONTEND: 'noninteractive' }

export async function boot(release: 12 | 13): Promise<Booted> {
  execFileSync('sh', [join(import.meta.dirname, 'package-root.sh'), `${release}`], { stdio: 'inherit' })
  const work = mkdtempSync(join(tmpdir(), 'postferry-boot-'))
  const init = spawn('sh', [join(import.meta.dirname, 'boot.sh'), `${release}`, work], { stdio: 'ignore' })
  const pid = await until(() => childOf(init), 'process 1')
  const enter = ['--target', pid, '--mount', '--uts', '--ipc', '--net', '--pid', '--cgroup', '--root', '--wd']

  const run = (line: string) => runProgram('nsenter', [...enter, 'sh', '-c', line], ENVIRONMENT)
  await until(async () => /running|degraded/.test((await run('systemctl is-system-running')).stdout), 'it is up')
  return {
    run,
    async must(line) {
      const { exitCode, stdout, stderr } = await run(line)
      if (exitCode !== 0) throw new Error(`${line} (${exitCode}): ${stdout}${stderr}`)
      return stdout
    },
    bring(file) {
      copyFileSync(file, join('/proc', pid, 'root/root', basename(file)))
      return `/root/${basename(file)}`
    },
    async [Symbol.asyncDispose]() {
      // Process 1 takes its namespace along, and then unshare ends.
      process.kill(Number(pid), 'SIGKILL')
      await once(init, 'exit')
      await until(() => removeGroup(init.pid ?? 0), 'its groups of processes are gone')
      rmSync(work, { recursive: true })
    },
  }
}

/** unshare takes the place of the shell; what it forks is process 1 there. */
function childOf({ pid }: ChildProcess): string | undefined {
  try {
    const [child] = readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8').split(' ').filter(Boolean)
    return child !== undefined && readFileSync(`/proc/${child}/comm`, 'utf8') === 'systemd\n' ? child : undefined
  } catch {
    return undefined
  }
}

function removeGroup(pid: number): boolean {
  const [, unified = ''] = /^\S+ (\S+) cgroup2 /m.exec(readFileSync('/proc/mounts', 'utf8')) ?? []
  try {
    execFileSync('find', [join(unified, `postferry-boot-${pid}`), '-depth', '-type', 'd', '-delete'], {
      stdio: 'ignore',
    })
    return true
  } catch {
    return false
  }
}
