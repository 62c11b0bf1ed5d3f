import { execFileSync } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, readFileSync } from 'node:fs'
import { connect } from 'node:net'
import { join } from 'node:path'
import t from 'tap'
import { OUTCOMES } from '../../src/model/attempt.ts'
import { ask, startService } from '../support/service.ts'

const CHECKOUT = join(import.meta.dirname, '../..')
const RULES = join(CHECKOUT, 'deploy/prometheus/postferry.rules.yml')
const BOARD = join(CHECKOUT, 'deploy/grafana/postferry.json')
const rules = readFileSync(RULES, 'utf8')
const found = (pattern: RegExp) => [...rules.matchAll(pattern)].map(([, name = '']) => name)

const METRIC = /\b(postferry_\w+?)(?:_bucket)?\b/g
const board = JSON.parse(readFileSync(BOARD, 'utf8')) as { panels: { id: number; targets: { expr: string }[] }[] }
const expressions = board.panels.flatMap(({ targets }) => targets.map(({ expr }) => expr))

const promtool = (...args: string[]) => execFileSync('promtool', args, { encoding: 'utf8', stdio: 'pipe' })

t.test('each alert comes with its trouble, and none without', async (t) => {
  t.match(promtool('check', 'rules', RULES), /SUCCESS: 17 rules found/)
  t.match(promtool('test', 'rules', join(import.meta.dirname, 'postferry.rules.test.yml')), /SUCCESS/)
})

t.test('each metric that a rule or a board names is one that a running serve shows', async (t) => {
  await using service = await startService()
  await using client = connect(join(service.dataDir, 'socketmap.sock'))
  client.write('13:domain a.test,')
  await once(client, 'data')
  const { status, body } = await ask(service.url, '/metrics', 'GET', undefined, {})
  t.equal(status, 200)
  t.match(body, /^postferry_socketmap_answers_total\{map="domain",answer="NOTFOUND"\} 1$/m)
  const shown = new Set([...body.matchAll(/^# TYPE (\S+)/gm)].map(([, name]) => name))
  const named = new Set(found(METRIC))
  t.equal(named.size, 14)
  for (const name of named) t.ok(shown.has(name), name)
  const onBoard = new Set(expressions.flatMap((text) => [...text.matchAll(METRIC)].map(([, name = '']) => name)))
  for (const name of onBoard) t.ok(shown.has(name), `${name}, on the board`)
  const ours = [...shown].filter((name = '') => name.startsWith('postferry_'))
  t.same(
    ours.filter((name = '') => !onBoard.has(name)),
    [],
    'the board leaves none out',
  )
  t.match(body, /^postferry_database_up 1$/m)
  t.match(body, /^postferry_workers 0$/m)
})

t.test('what a board asks is what Prometheus understands', async (t) => {
  const rules = expressions.map((expr, at) => ({
    record: `board:${at}`,
    expr: expr.replaceAll('$__rate_interval', '5m'),
  }))
  const folder = t.testdir({ 'board.yml': JSON.stringify({ groups: [{ name: 'board', rules }] }) })
  t.match(
    promtool('check', 'rules', join(folder, 'board.yml')),
    new RegExp(`SUCCESS: ${expressions.length} rules found`),
  )
  t.equal(new Set(board.panels.map(({ id }) => id)).size, board.panels.length)
})

t.test('each alert has its section in the documentation', async (t) => {
  const alerts = found(/- alert: (\w+)/g)
  t.equal(alerts.length, 17)
  t.same(
    found(/runbook_url: (.*)/g),
    alerts.map((alert) => `docs/operate/alerts.md#${alert.toLowerCase()}`),
  )
  const page = join(CHECKOUT, 'docs/operate/alerts.md')
  t.ok(existsSync(page))
  t.same(
    [...readFileSync(page, 'utf8').matchAll(/^### (Postferry\w+)$/gm)].map(([, name]) => name),
    alerts,
  )
})

t.test('the outcomes and codes that rules name are those that there are', async (t) => {
  const words = found(/(?:outcome|code)[!=]~?"([^"]+)"/g).flatMap((pattern) => pattern.split('|'))
  const isKnown = (word: string) => OUTCOMES.some((outcome) => new RegExp(`^(?:${word})$`).test(outcome))
  for (const word of words) t.ok(isKnown(word), word)
})
