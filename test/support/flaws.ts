import type { MailProgram } from './mail-program.ts'
import type { BySubject, Found } from './mailbox-state.ts'

/** What Postfix says of a message whose end it may not have heard, so that it comes once more. */
const REPEATED = /\b([0-9A-Za-z]+): to=<[^>]*>.*may be sent more than once/g

/** What has to be in a mailbox. */
export interface Wanted {
  readonly program: MailProgram
  /** Subjects of what was delivered. */
  readonly sent: readonly string[]
  /** What was there before, under its number. */
  readonly known: ReadonlyMap<string, readonly Found[]>
}

/** What is not as it must be. @param log of the Postfix that has brought the mail */
export function flawsIn({ messages, subscribed }: BySubject, wanted: Wanted, log: string): string[] {
  const { program, sent, known } = wanted
  const all = [...sent, ...known.keys(), ...program.expected.keys()]
  return [
    ...[...messages].flatMap(([subject, found]) => surplus(subject, found, wanted, log)),
    ...all.filter((subject) => !messages.has(subject)).map((subject) => `${subject} is lost`),
    ...[...known].flatMap(([subject, [was]]) => {
      const is = messages.get(subject)?.[0]
      return is?.number === was?.number ? [] : [`${subject} was ${was?.number}, and is ${is?.number}`]
    }),
    ...[...program.expected].flatMap(([subject, kept]) => {
      const { folder, marks } = messages.get(subject)?.[0] ?? kept
      if (folder === kept.folder && marks === kept.marks) return []
      return [`${subject} is in ${folder} (${marks}), and not in ${kept.folder} (${kept.marks})`]
    }),
    ...[...program.subscribed].filter((name) => !subscribed.has(name)).map((name) => `${name} is not subscribed to`),
    ...[...subscribed].filter((name) => !program.subscribed.has(name)).map((name) => `${name} is subscribed to`),
  ]
}

function surplus(subject: string, found: readonly Found[], { program, sent, known }: Wanted, log: string): string[] {
  const wasSent = sent.includes(subject)
  if (!wasSent && !known.has(subject) && !program.expected.has(subject)) {
    // Postfix was told to try again, and the message was taken all the same.
    return subject.startsWith('sent') ? [] : [`${subject} was deleted, and is in ${found[0]?.folder}`]
  }
  if (found.length === 1 || (wasSent && isRepeated(found, log))) return []
  const where = found.map(({ folder, number, messageId }) => `${folder} ${number} ${messageId}`)
  return [`${subject} is here ${found.length} times: ${where.join(', ')}`]
}

/** Whether it was Postfix that has brought it more than once, because the answer to the first time was cut off. */
function isRepeated(all: readonly Found[], log: string): boolean {
  return [...log.matchAll(REPEATED)].some(([, id]) =>
    all.every(({ messageId }) => log.includes(`${id}: message-id=${messageId}`)),
  )
}
