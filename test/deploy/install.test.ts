import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'

const CHECKOUT = join(import.meta.dirname, '../..')
const PAGE = readFileSync(join(CHECKOUT, 'docs/operate.md'), 'utf8')
const UNITS = readdirSync(join(CHECKOUT, 'deploy/systemd')).filter((name) => name.endsWith('.service'))

t.test('whom the services run as is made before they are started, and the settings are closed to others', async (t) => {
  const byHand = PAGE.slice(PAGE.indexOf('**From a checkout**'), PAGE.indexOf('**PostgreSQL of your own.**'))
  const started = byHand.indexOf('systemctl enable')
  t.ok(started > 0 && UNITS.length > 0)
  for (const unit of UNITS) {
    const text = readFileSync(join(CHECKOUT, 'deploy/systemd', unit), 'utf8')
    const [, user] = /^User=(.+)$/m.exec(text) ?? []
    if (user === 'postfix') continue
    const made = byHand.search(new RegExp(`adduser --system --group .*${user}\\n`))
    t.ok(made > 0 && made < started, `${unit}: ${user}`)
    t.ok(byHand.slice(started).includes(unit.replace('.service', '')), unit)
    const [, folder] = /^StateDirectory=(.+)$/m.exec(text) ?? []
    const [, mode] = /^StateDirectoryMode=0(.+)$/m.exec(text) ?? []
    t.match(byHand, new RegExp(`install -d -o ${user} -g ${user} -m ${mode} /var/lib/${folder}\\b`))
  }
  t.match(byHand, /install -D -m 640 -g postferry deploy\/debian\/postferry\.env \/etc\/postferry\/postferry\.env\n/)
})
