// Comes before each test file.
import { enableCompileCache } from 'node:module'
import processOnSpawn from 'process-on-spawn'
import { COMPILED } from './compiled.ts'

enableCompileCache(COMPILED.NODE_COMPILE_CACHE)

// tap loads test files in a way that notes, for coverage, which modules a process loads, and hands that on to all whom
// they start. What a test starts is to run as it does for everybody else.
processOnSpawn.removeAllListeners()
for (const name of Object.keys(process.env)) {
  if (name === 'NODE_OPTIONS' || name.startsWith('_TAPJS_')) delete process.env[name]
}
