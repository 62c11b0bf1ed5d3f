import t from 'tap'
import { parseWindow, windowText } from '../../src/model/provider.ts'

t.test('a window is two times of day, and a time zone that is known', async (t) => {
  t.equal(parseWindow('20:00-06:00 +02:00'), 'zone', 'PostgreSQL reads it the other way round')
  t.same(parseWindow('20:00-06:00 Europe/Berlin'), { from: '20:00', until: '06:00', zone: 'Europe/Berlin' })
  t.match(parseWindow('20:00-06:00 Asia/Kolkata'), { zone: 'Asia/Kolkata' }, 'as it is called by who asks')
  t.equal(windowText({ from: '00:00', until: '23:59', zone: 'UTC' }), '00:00-23:59 UTC')
  t.same(parseWindow('00:00-23:59 UTC'), { from: '00:00', until: '23:59', zone: 'UTC' })
  const here = Intl.DateTimeFormat().resolvedOptions().timeZone
  t.same(parseWindow('01:30-05:00'), { from: '01:30', until: '05:00', zone: here }, "without one it is this host's")
  const flaws = {
    form: ['', '20-06', '24:00-06:00', '20:00-06:60', '9:00-17:00', '20:00-06:00 a b'],
    empty: ['20:00-20:00', '20:00-20:00 Europe/Berlin'],
    zone: ['20:00-06:00 Mars/Base', '20:00-06:00 IST', '20:00-06:00 -02:00', '20:00-06:00 Europe/Nowhere'],
  }
  for (const [flaw, texts] of Object.entries(flaws)) for (const text of texts) t.equal(parseWindow(text), flaw, text)
})
