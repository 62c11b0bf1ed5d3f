import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'

const CHECKOUT = join(import.meta.dirname, '../..')
const PAGE = readFileSync(join(CHECKOUT, 'docs/operate.md'), 'utf8')
const UNITS = readdirSync(join(CHECKOUT, 'deploy/systemd')).filter((name) => name.endsWith('.service'))

t.test('whom the services run as is made before they are started, and alone may read the settings', async (t) => {
  const install = PAGE.slice(PAGE.indexOf('\n## Install'), PAGE.indexOf('\n## Import'))
  const started = install.indexOf('systemctl enable')
  t.ok(started > 0 && UNITS.length > 0)
  for (const unit of UNITS) {
    const text = readFileSync(join(CHECKOUT, 'deploy/systemd', unit), 'utf8')
    if (!text.includes('/bin/postferry ')) continue
    const [user, group] = [/^User=(.+)$/m.exec(text)?.[1], /^Group=(.+)$/m.exec(text)?.[1]]
    const made = install.search(new RegExp(`adduser --system --group --home \\S+ ${user}\\n`))
    t.ok(made > 0 && made < started, `${unit}: ${user}`)
    t.match(
      install,
      new RegExp(`install -D -m 640 -g ${group} deploy/postferry\\.env /etc/postferry/postferry\\.env\\n`),
    )
  }
})
