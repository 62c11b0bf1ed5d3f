import type { Here, Known } from './return-plan.ts'

/** A message that was delivered here after the last look, and the source's name of the folder that it goes to. */
export interface Late {
  readonly title: string
  readonly name: string
  readonly uid: number
  readonly flags: string
}

/**
 * What the source was not brought.
 * @param here by what people read
 * @param names the source's names now, by what people read
 * @param known the source as it was made, by its names then
 */
export function lateAt(
  here: ReadonlyMap<string, Here>,
  names: ReadonlyMap<string, string>,
  known: ReadonlyMap<string, Known>,
): Late[] {
  return [...here].flatMap(([title, folder]) => {
    const name = names.get(title)
    const named = known.get(name ?? '')
    // Another folder has come under that name, as when somebody delivers into a mailbox that is the mirror by now.
    const had = named?.here === folder.uidValidity ? named : renamedSince(folder, known)
    return [...folder.messages].flatMap(([uid, flags]) =>
      had?.messages.has(uid) ? [] : [{ title, name: name ?? 'INBOX', uid, flags }],
    )
  })
}

/** Of a folder that was renamed or removed at the source since: some servers give one number to several. */
function renamedSince({ uidValidity, messages }: Here, known: ReadonlyMap<string, Known>): Known | undefined {
  const common = (one: Known) => [...messages.keys()].filter((uid) => one.messages.has(uid)).length
  const numbered = [...known.values()].filter(({ here }) => here === uidValidity)
  return numbered.sort((one, other) => common(other) - common(one))[0]
}
