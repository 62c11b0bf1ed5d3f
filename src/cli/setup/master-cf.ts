/** The ports of services that have more than one name (services(5)). */
const PORTS: Readonly<Record<string, string>> = { submission: '587', submissions: '465', smtps: '465' }

/** The text of Postfix's master.cf with the services of `wanted` that listen on a port where none of it listens yet. */
export function withServices(masterCf: string, wanted: string): string {
  const taken = new Set(masterCf.split('\n').map(portIn))
  const missing = wanted
    .trim()
    .split(/\n\n+/)
    .filter((paragraph) => paragraph.split('\n').some((line) => portIn(line) !== null && !taken.has(portIn(line))))
  return missing.length === 0 ? masterCf : `${masterCf.trimEnd()}\n\n${missing.join('\n\n')}\n`
}

/** Where the service listens that begins on a line (master(5)); null: none of the network does. */
function portIn(line: string): string | null {
  const [, name] = /^(?:[^#\s]*:)?([^#\s:]+)\s+inet\s/.exec(line) ?? []
  return name === undefined ? null : (PORTS[name] ?? name)
}
