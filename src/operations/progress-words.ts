import { count } from '../model/count.ts'
import type { Progress } from '../model/progress.ts'
import { span } from '../model/span.ts'

/** How far an attempt is, in short parts. */
export function progressParts({ step, ...progress }: Progress): string[] {
  const { folder, folders, messages, ofMessages, bytes, ofBytes, messagesPerSecond, bytesPerSecond, secondsLeft } =
    progress
  const of = (done: string, all: number | null, read: (number: number) => string) =>
    all === null ? done : `${done} of ${read(all)}`
  return [
    `${step === 'copying' ? 'folder' : 'proving folder'} ${count(folder)} of ${count(folders)}`,
    `${of(count(messages), ofMessages, count)} messages`,
    ...(bytes === 0 && ofBytes === null ? [] : [of(megabytes(bytes), ofBytes, megabytes)]),
    [
      `${count(Math.round(messagesPerSecond))}/s`,
      ...(bytesPerSecond > 0 ? [`${megabytes(bytesPerSecond)}/s`] : []),
    ].join(', '),
    ...(secondsLeft === null ? [] : [`${span(secondsLeft)} left`]),
  ]
}

/** As people read an amount of mail. */
export function megabytes(bytes: number): string {
  if (bytes >= 1e9) return `${(bytes / 1e9).toFixed(1)} GB`
  return `${(bytes / 1e6).toFixed(bytes < 1e7 ? 1 : 0)} MB`
}
