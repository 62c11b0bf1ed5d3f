import { text } from 'node:stream/consumers'
import { enginesFor } from '../../src/wiring/engine.ts'

// One attempt in a process of its own, which may be killed, and may run in the view of another Debian. Its order comes by
// standard input; what comes of it goes to standard output.
const { order, credential, stateFolder, keptFree } = JSON.parse(await text(process.stdin))
const engines = enginesFor({
  ...{ offlineimapMetadata: stateFolder, dataDir: stateFolder, keptFree },
} as Parameters<typeof enginesFor>[0])
let seen = 0
const result = await engines.run(order, credential, {
  signal: new AbortController().signal,
  onMessage: () => seen++,
})
process.stdout.write(JSON.stringify({ ...result, seen }))
