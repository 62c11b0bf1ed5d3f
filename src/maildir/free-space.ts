import { existsSync, type StatsFs, statfsSync } from 'node:fs'
import { dirname } from 'node:path'
import type { Room } from '../copying/free-space.ts'
import type { KeptFree } from '../model/kept-free.ts'

/** @param folders besides the home, on whose file systems room is kept free too */
export function roomBeside(kept: KeptFree, folders: readonly string[]): Room {
  return {
    left: (home) => Math.min(...[home, ...folders].map((path) => leftOn(existing(path), kept))),
  }
}

function leftOn(path: string, { percent, bytes }: KeptFree): number {
  const { bsize, blocks, bavail }: StatsFs = statfsSync(path)
  return bavail * bsize - Math.min((blocks * bsize * percent) / 100, bytes)
}

/** What of a path is there. */
function existing(path: string): string {
  return existsSync(path) ? path : existing(dirname(path))
}
