import { readdirSync, readFileSync } from 'node:fs'

/** In which of its usual forms a text holds one of these secrets: as it stands, in base64, in hex. */
export function formsFound(text: Buffer, secrets: readonly string[]): string[] {
  return secrets.flatMap((secret) =>
    Object.entries(formsOf(secret))
      .filter(([, form]) => text.includes(form))
      .map(([name]) => `${secret} as ${name}`),
  )
}

function formsOf(secret: string): Record<string, string | Buffer> {
  const bytes = Buffer.from(secret)
  // Inside of a longer text base64 depends on what stands before: the characters in the middle do not.
  const shifted = [0, 1, 2].map((shift) => {
    const base64 = Buffer.concat([Buffer.alloc(shift), bytes]).toString('base64')
    return base64.slice(shift === 0 ? 0 : 4, -4)
  })
  const [first = '', second = '', third = ''] = shifted
  return {
    text: bytes,
    JSON: JSON.stringify(secret).slice(1, -1),
    base64: first,
    'base64 after one byte': second,
    'base64 after two bytes': third,
    hex: bytes.toString('hex'),
  }
}

/** Looks at command lines and environments of all processes until it is stopped. */
export function watchProcesses(secrets: readonly string[]): { stop(): { looks: number; found: string[] } } {
  const found = new Set<string>()
  let looks = 0
  const timer = setInterval(() => {
    looks++
    for (const pid of readdirSync('/proc').filter((name) => /^\d+$/.test(name))) {
      for (const file of ['cmdline', 'environ']) {
        for (const form of formsFound(contentOf(`/proc/${pid}/${file}`), secrets)) found.add(`${file}: ${form}`)
      }
    }
  }, 20)
  return {
    stop() {
      clearInterval(timer)
      return { looks, found: [...found] }
    },
  }
}

function contentOf(file: string): Buffer {
  try {
    return readFileSync(file)
  } catch {
    return Buffer.alloc(0)
  }
}
