import fc from 'fast-check'
import t from 'tap'
import { isPassword, isUsername } from '../../src/model/texts.ts'
import { defused, undefused } from '../../src/operations/csv-cell.ts'
import { piecesOf, readPeople } from '../../src/operations/import-file.ts'

type Line = Awaited<ReturnType<typeof read>>[number]

async function* pieces(bytes: Uint8Array, size: number) {
  for (let start = 0; start < bytes.length; start += size) yield bytes.subarray(start, start + size)
}

const read = (text: string | Uint8Array, size = 64 * 1024) =>
  Array.fromAsync(readPeople(pieces(typeof text === 'string' ? Buffer.from(text) : text, size)))

/** A line as a tuple: number, address, user name, password; or number and reason. */
const plain = (line: Line) =>
  'reason' in line ? [line.number, line.reason] : [line.number, line.address.text, line.oldUsername, line.password]

const person = fc.record({
  address: fc.integer({ min: 0, max: 1e6 }).map((number) => `p${number}@old.example`),
  old_username: fc.option(fc.string({ unit: 'grapheme', maxLength: 20 }).filter(isUsername).map(defused)),
  old_password: fc.option(
    fc
      .oneof(fc.string({ unit: 'grapheme', maxLength: 30 }), fc.string({ unit: fc.constantFrom(...'",; \t') }))
      .filter(isPassword),
  ),
})
const form = fc.record({
  delimiter: fc.constantFrom(',', ';', '\t'),
  end: fc.constantFrom('\n', '\r\n'),
  bom: fc.boolean(),
  header: fc.option(fc.shuffledSubarray(['address', 'old_username', 'old_password'] as const, { minLength: 3 })),
  lastEnd: fc.boolean(),
  size: fc.integer({ min: 1, max: 50 }),
})

t.test('whatever people are written as CSV, the same people are read', async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(person, { minLength: 1, maxLength: 8 }), form, async (people, form) => {
      const { delimiter, end, header } = form
      const field = (value: string | null) => `"${(value ?? '').replaceAll('"', '""')}"`
      const columns = header ?? (['address', 'old_username', 'old_password'] as const)
      const lines = people.map((one) => {
        // As most programs write an address: without quotes.
        return columns.map((name) => (name === 'address' ? one.address : field(one[name]))).join(delimiter)
      })
      const all = header === null ? lines : [header.join(delimiter), ...lines]
      const text = `${form.bom ? '\ufeff' : ''}${all.join(end)}${form.lastEnd ? end : ''}`
      const found = (await read(text, form.size)).map(plain)
      const first = header === null ? 1 : 2
      const name = (typed: string | null) => typed && undefused(typed)
      const wanted = people.map((one, at) => [at + first, one.address, name(one.old_username), one.old_password])
      if (JSON.stringify(found) !== JSON.stringify(wanted))
        throw new Error(`${JSON.stringify(text)} → ${JSON.stringify(found)}`)
    }),
    { numRuns: 500 },
  )
})

t.test(
  'whatever stands in a file, each line that says something is told once, in order, and never repeated',
  async () => {
    const nonsense = fc.oneof(
      fc.uint8Array({ maxLength: 200 }),
      fc.string({ unit: fc.constantFrom(...'a@.,;\t"\r\n\0 ü'), maxLength: 200 }).map((text) => Buffer.from(text)),
    )
    await fc.assert(
      fc.asyncProperty(nonsense, fc.integer({ min: 1, max: 50 }), async (bytes, size) => {
        const found = await read(bytes, size).catch((error: Error) => {
          if (error.message !== 'the file names nobody') throw error
          return []
        })
        const numbers = found.map(({ number }) => number)
        // A line of nothing but white space of any kind is blank, and what is no UTF-8 says something.
        const lines = Buffer.from(bytes).toString('utf8').split('\n')
        const said = lines.map((line, at) => ({ number: at + 1, says: /[^\s,;"]/.test(line) }))
        for (const { number, says } of said) {
          const times = numbers.filter((one) => one === number).length
          if (times > 1 || (says && times === 0)) throw new Error(`line ${number} is told ${times} times`)
        }
        if (numbers.some((number, at) => number <= (numbers[at - 1] ?? 0))) throw new Error(`order: ${numbers}`)
        for (const line of found) if ('reason' in line && !REASONS.includes(line.reason)) throw new Error(line.reason)
      }),
      { numRuns: 1000 },
    )
  },
)

const REASONS = [
  'its address is no mail address',
  'its old user name is too long, or not one line',
  'its password is too long, or not one line',
  'it is longer than 8192 bytes',
  'it is not UTF-8',
  'it has too many fields',
  'its quotes do not fit together: write "a ""quoted"" word"',
]

t.test('a mistake in one line hurts no other', async (t) => {
  const text = Buffer.concat([
    Buffer.from('anna@old.example,"not closed\nbert@old.example,,pw "of" bert\n'),
    Buffer.from(`carl@old.example,${'x'.repeat(9000)}\n`),
    Buffer.from('dora@old.example,,d\xe9j\xe0\n', 'latin1'),
    Buffer.from('emil@old.example,a,b,,c\n\n,,\nemil\n"fritz@old.example"; fritz ;"a ""b"" "\n'),
    Buffer.from(`gerd@old.example,${'u'.repeat(256)}\nhugo@old.example,,a\rb\n`),
    Buffer.from('ida@old.example,,,,\n'),
  ])
  t.same((await read(text, 7)).map(plain), [
    [1, REASONS[6]],
    [2, REASONS[6]],
    [3, REASONS[3]],
    [4, REASONS[4]],
    [5, REASONS[5]],
    [8, REASONS[0]],
    [9, 'fritz@old.example', ' fritz ', 'a "b" '],
    [10, REASONS[1]],
    [11, REASONS[2]],
    [12, 'ida@old.example', null, null],
  ])
})

t.test(
  'a header is recognised however it is written, and may leave columns out; another column is refused',
  async (t) => {
    t.same((await read('\ufeffOld Password;ADDRESS\r\npw,1;anna@old.example\r\n')).map(plain), [
      [2, 'anna@old.example', null, 'pw,1'],
    ])
    t.same(
      (await read('quota,address\n2G,anna@old.example\n,bert@old.example\nmuch,carl@old.example\n')).map((line) =>
        'reason' in line ? line.reason : line.quotaBytes,
      ),
      [2 * 1024 ** 3, null, 'its quota is no size, as 500M or 2G'],
    )
    t.same((await read('address\nanna@old.example\n')).map(plain), [[2, 'anna@old.example', null, null]])
    const flaws: [string, RegExp][] = [
      ['address,password', /: there is no password \(is old_password meant\?\)$/],
      ['address,old_password,old_password', /: old_password stands there twice$/],
      ['address,', /: one name is no word$/],
      [
        'email;Username;password',
        /no email \(is address meant\?\), there is no username .* no password .*, address is m/,
      ],
      ['adress,old_username', /: there is no adress \(is address meant\?\), address is missing$/],
      ['adress', /: there is no adress \(is address meant\?\), address is missing$/],
      ['adresse,pasword', /no adresse \(is address meant\?\), there is no pasword, address is missing$/],
      ['address,shoe_size', /: there is no shoe_size$/],
      ['address,anna@old.example', /: one name is no word$/],
    ]
    for (const [header, flaw] of flaws) {
      const refused = read(`${header}\nanna@old.example,x\n`)
      await t.rejects(refused, { message: /^the header may name address, old_username, old_password/ }, header)
      await t.rejects(refused, { message: flaw }, header)
    }
  },
)

t.test('a file that names nobody is refused', async (t) => {
  for (const text of ['', '\ufeff', '\n\r\n', ' \n,,\n', 'address', 'address,old_password\n\n,\n']) {
    await t.rejects(read(text), { message: 'the file names nobody' }, text)
  }
  t.same((await read('anna\n')).map(plain), [[1, REASONS[0]]], 'a line that names somebody badly does')
})

t.test('a line without an end does not fill the memory', async (t) => {
  let given = 0
  async function* endless() {
    for (; given < 500; given++) yield Buffer.alloc(1024 * 1024, 'x')
  }
  const before = process.memoryUsage().rss
  t.same((await Array.fromAsync(readPeople(endless()))).map(plain), [[1, REASONS[3]]])
  t.equal(given, 500)
  t.ok(process.memoryUsage().rss - before < 300 * 1024 * 1024)
})

t.test('while a file in memory is read, whatever else the process does has its turn at each piece', async (t) => {
  const file = Buffer.alloc(256 * 1024, '\n')
  file.write('a@old.example')
  let jobs = 0
  let isRead = false
  const others = () => {
    jobs++
    if (!isRead) setImmediate(others)
  }
  setImmediate(others)
  t.same((await Array.fromAsync(readPeople(piecesOf(file)))).map(plain), [[1, 'a@old.example', null, null]])
  isRead = true
  t.ok(jobs >= 4, `${jobs} turns`)
})

t.test('a cell that was defused is no formula, and is read as it was', async (t) => {
  const nasty = fc.string({ unit: fc.constantFrom("'", '=', '+', '-', '@', '\t', '＝', 'a') })
  await fc.assert(
    fc.asyncProperty(fc.oneof(nasty, fc.string({ unit: 'binary' })), async (cell) => {
      if (/^[=+\-@\t\r\n＝＋－＠]/.test(defused(cell))) throw new Error('a formula')
      if (undefused(defused(cell)) !== cell) throw new Error('another cell')
    }),
    { numRuns: 2_000 },
  )
  t.equal(defused("'anna"), "'anna")
  t.same((await read("'=anna@old.example,'+49 170,'=secret\n''-b@old.example\n'c@old.example\n")).map(plain), [
    [1, '=anna@old.example', '+49 170', "'=secret"],
    [2, "'-b@old.example", null, null],
    [3, "'c@old.example", null, null],
  ])
})
