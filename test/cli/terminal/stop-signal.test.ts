import { once } from 'node:events'
import { existsSync } from 'node:fs'
import { connect } from 'node:net'
import { join } from 'node:path'
import t from 'tap'
import { startService } from '../../support/service.ts'
import { until } from '../../support/until.ts'

// timeout(1) sends SIGTERM twice, and a terminal that is closed SIGHUP, almost at once.
t.test('a signal that comes again while the service leaves changes nothing: it leaves in order', async (t) => {
  await using service = await startService()
  for (const signal of ['SIGTERM', 'SIGHUP', 'SIGINT'] as const) {
    // It is waited for, for some seconds.
    const silent = connect(service.socket)
    silent.on('error', () => undefined)
    await once(silent, 'connect')
    process.kill(service.pid, signal)
    await until(() => service.log().includes(`"signal":"${signal}"`), 'it leaves')
    t.equal(await service.stop(signal), 0, signal)
    t.notOk(existsSync(join(service.dataDir, 'postgres/postmaster.pid')), 'its database has left, too')
    silent.destroy()
    await service.start()
  }
})
