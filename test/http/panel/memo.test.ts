import t from 'tap'
import { memo } from '../../../src/http/panel/memo.ts'

/** Work that ends when it is told to, and the time. */
function world() {
  let [now, begun] = [0, 0]
  const ends: ((value: string | Error) => void)[] = []
  const work = () =>
    new Promise<string>((resolve, reject) => {
      begun++
      ends.push((value) => (typeof value === 'string' ? resolve(value) : reject(value)))
    })
  const ask = memo(work, () => now)
  return {
    ask,
    begun: () => begun,
    pass(ms: number) {
      now += ms
    },
    end: (value: string | Error) => ends.shift()?.(value),
  }
}

t.test('who asks at the same time is told the same, once', async (t) => {
  const { ask, begun, end } = world()
  const asked = [ask(), ask(), ask()]
  end('one')
  t.same(await Promise.all(asked), ['one', 'one', 'one'])
  t.equal(await ask(), 'one')
  t.equal(begun(), 1)
})

t.test('nobody waits while it is looked up again, and what is old is told to nobody', async (t) => {
  const { ask, begun, end, pass } = world()
  const first = ask()
  end('one')
  await first
  pass(4_000)
  t.equal(await ask(), 'one', 'it is known, and looked up again')
  t.equal(await ask(), 'one')
  t.equal(begun(), 2)
  end('two')
  await new Promise(setImmediate)
  t.equal(await ask(), 'two')
  pass(20_000)
  const late = ask()
  end('three')
  t.equal(await late, 'three')
})

t.test('what is forgotten is looked up again, and what was under way by then is told to nobody else', async (t) => {
  const { ask, begun, end } = world()
  const first = ask()
  end('one')
  t.equal(await first, 'one')
  ask.forget()
  const second = ask()
  ask.forget()
  const third = ask()
  t.equal(begun(), 3)
  end('two')
  t.equal(await second, 'two')
  end('three')
  t.equal(await third, 'three')
  t.equal(await ask(), 'three')
})

t.test('what takes long is looked up seldom', async (t) => {
  const { ask, begun, end, pass } = world()
  const first = ask()
  pass(500)
  end('one')
  await first
  pass(9_000)
  t.equal(await ask(), 'one')
  t.equal(begun(), 1)
})

t.test('what goes wrong is told to who waits, and tried again', async (t) => {
  const { ask, end, pass } = world()
  const first = ask()
  end(new Error('away'))
  await t.rejects(first, { message: 'away' })
  const second = ask()
  end('one')
  t.equal(await second, 'one')
  pass(4_000)
  t.equal(await ask(), 'one')
  end(new Error('away'))
  await new Promise(setImmediate)
  pass(20_000)
  const third = ask()
  end(new Error('away'))
  await t.rejects(third, { message: 'away' })
})

t.end()
