import { existsSync, mkdirSync, readFileSync, rmdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'

const UNIT = join(import.meta.dirname, '../../../deploy/systemd/postferry-sync.service')
/** Weighs a process, and all that it starts, as systemd does with the worker's unit. Dispose when it has ended. */
export function weighedAsTheUnit(pid: number): Disposable {
  // systemd.resource-control(5), cgroups(7)
  if (!/^CPUWeight=idle$/m.test(readFileSync(UNIT, 'utf8'))) throw new Error(`${UNIT} says nothing of idle`)
  const controllers = existsSync('/sys/fs/cgroup/cpu') ? '/sys/fs/cgroup/cpu' : '/sys/fs/cgroup'
  const group = join(controllers, `postferry-bench-${process.pid}`)
  mkdirSync(group)
  const weighed = { [Symbol.dispose]: () => rmdirSync(group) }
  try {
    writeFileSync(join(group, 'cpu.idle'), '1')
    writeFileSync(join(group, 'cgroup.procs'), `${pid}`)
  } catch (cause) {
    weighed[Symbol.dispose]()
    throw new Error(`${group}: the processor is not shared by cgroups here`, { cause })
  }
  return weighed
}
