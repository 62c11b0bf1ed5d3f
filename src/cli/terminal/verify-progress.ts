import type { VerifyProgress } from '../../ledger/verify.ts'
import { visible } from './text.ts'

export interface ProgressDisplay extends Disposable {
  watch(progress: VerifyProgress): void
  /** Clears what stands on the terminal. */
  end(): void
}

const TERMINAL_MS = 100
const LINES_MS = 10_000
const CLEAR = '\r\x1b[K'

/** Progress on standard error: one line that changes on a terminal, a line now and then without one. */
export function showProgress(stream: NodeJS.WriteStream = process.stderr): ProgressDisplay {
  const started = performance.now()
  const interval = stream.isTTY ? TERMINAL_MS : LINES_MS
  let shown = stream.isTTY ? 0 : started
  const end = () => void (stream.isTTY && shown > 0 && stream.write(CLEAR))
  return {
    watch(progress) {
      const now = performance.now()
      if (now - shown < interval) return
      shown = now
      const text = textOf(progress, (now - started) / 1000)
      stream.write(stream.isTTY ? `${CLEAR}${text.slice(0, (stream.columns || 80) - 1)}` : `${text}\n`)
    },
    end,
    [Symbol.dispose]: end,
  }
}

function textOf({ folder, number, of, messages, fetched }: VerifyProgress, seconds: number): string {
  const rate = Math.round(messages / seconds)
  return `folder ${number} of ${of}, ${messages} messages (${fetched} read, ${rate}/s): ${visible(folder)}`
}
