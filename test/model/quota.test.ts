import t from 'tap'
import { parseSize, sizeText } from '../../src/model/quota.ts'

t.test('a size is read as people write it, counted as Dovecot does, and written back', async (t) => {
  const sizes: [string, number, string][] = [
    ['1', 1, '1'],
    ['2048', 2048, '2K'],
    ['500M', 500 * 1024 ** 2, '500M'],
    ['1536 MB', 1536 * 1024 ** 2, '1536M'],
    ['2g', 2 * 1024 ** 3, '2G'],
    ['3TiB', 3 * 1024 ** 4, '3T'],
    ['1048577', 1048577, '1048577'],
  ]
  for (const [text, bytes, written] of sizes) {
    t.equal(parseSize(text), bytes, text)
    t.equal(sizeText(bytes), written)
    t.equal(parseSize(written), bytes)
  }
  for (const text of ['', '0', '-1', '1.5G', '1E', 'G', '1 G B', '9007199254740992', '9999999999T', '१']) {
    t.equal(parseSize(text), null, text)
  }
})
