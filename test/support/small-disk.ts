import { chmodSync, mkdtempSync, rmdirSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { runProgram } from './service.ts'

/** A file system of its own that can be full. */
export interface SmallDisk extends AsyncDisposable {
  readonly folder: string
  resize(bytes: number): Promise<void>
}

export async function mountSmallDisk(bytes: number): Promise<SmallDisk> {
  if (process.getuid?.() !== 0) throw new Error('a full disk needs a file system of its own, which only root mounts')
  const folder = mkdtempSync(join(tmpdir(), 'postferry-small-'))
  await must('mount', '-t', 'tmpfs', '-o', `size=${bytes}`, 'tmpfs', folder)
  chmodSync(folder, 0o755)
  return {
    folder,
    resize: (bytes) => must('mount', '-o', `remount,size=${bytes}`, folder),
    async [Symbol.asyncDispose]() {
      await must('umount', '--lazy', folder)
      rmdirSync(folder)
    },
  }
}

async function must(program: string, ...args: string[]): Promise<void> {
  const { exitCode, stderr } = await runProgram(program, args, { PATH: process.env.PATH })
  if (exitCode !== 0) throw new Error(`${program} ${args.join(' ')}: ${stderr}`)
}
