import { Type } from '../model/json-schema.ts'
import type { Progress } from '../model/progress.ts'
import { Count, orNull } from './schema.ts'

export const ProgressSchema = Type.Object(
  {
    step: Type.Enum(['copying', 'proving']),
    ...{ folder: Count, folders: Count, messages: Count, of_messages: orNull(Count) },
    ...{ bytes: Count, of_bytes: orNull(Count) },
    ...{ messages_per_second: Type.Number(), bytes_per_second: Type.Number(), seconds_left: orNull(Count) },
  },
  { $id: 'Progress' },
)

export function progressRow({
  ofMessages,
  ofBytes,
  messagesPerSecond,
  bytesPerSecond,
  secondsLeft,
  ...rest
}: Progress) {
  return {
    ...rest,
    ...{ of_messages: ofMessages, of_bytes: ofBytes, messages_per_second: messagesPerSecond },
    ...{ bytes_per_second: bytesPerSecond, seconds_left: secondsLeft },
  }
}
