/** Deterministic bytes that look random. */
function noise(length: number, seed: number): Buffer {
  const bytes = Buffer.alloc(length)
  let state = seed
  for (let at = 0; at < length; at++) {
    state = (state * 1_103_515_245 + 12_345) % 2_147_483_648
    bytes[at] = state >> 16
  }
  return bytes
}

/** Latin-1, so that every byte from 0 to 255 can be written. */
function message(...lines: string[]): Buffer {
  return Buffer.from(lines.join('\r\n'), 'latin1')
}

let count = 0
function headed(subject: string, ...lines: string[]): Buffer {
  const id = `Message-ID: <nasty.${++count}@old.example>`
  return message('From: a@old.example', id, `Subject: ${subject}`, 'Date: Fri, 2 Apr 2010 10:00:00 +0200', ...lines)
}

/** Messages that programs like to repair, each once or, where being twice is the point, twice. About a hundred. */
export function nastyMessages(): Buffer[] {
  count = 0
  const kinds = [...headers(), ...bodies(), ...structures()]
  const twice = headed('the same twice', '', 'both must arrive', '')
  const rows = Array.from({ length: 40 }, (_, at) => headed(`one of many, ${at}`, '', `number ${at}`, ''))
  return [...kinds, twice, twice, ...rows]
}

function headers(): Buffer[] {
  return [
    message('\r\n'),
    message('', 'no header at all'),
    message('no header, no end of header, no line end'),
    message('From mbox@old.example Thu Jan  1 00:00:00 1970', 'Subject: an mbox line first', '', 'body', ''),
    headed('8-bit \xe4\xf6\xfc, \xff\xfe', '', 'Latin-1 in the header', ''),
    headed(Buffer.from('UTF-8 äöü 日本 😀').toString('latin1'), '', 'UTF-8 in the header', ''),
    headed('=?no-such-charset?Q?=FF?= =?utf-8?B?broken', '', 'encoded words', ''),
    headed(`long ${'x'.repeat(20_000)}`, '', 'one long header', ''),
    headed('folded', ' more', '\tand more', ' ', 'X-Blank:', 'X-Blank-Folded: ', '  x', '', 'folds', ''),
    headed('odd names', ': no name', 'no colon here', 'X Y: a blank', 'X\xe4: 8-bit name', '', 'header lines', ''),
    headed('addresses', 'To: "unclosed <x@', 'Cc: a@b@c, ;;,', 'Bcc: =?utf-8?Q?=', '', 'addresses', ''),
    headed('date', 'Date: the day after tomorrow', 'Date: 99 Foo 99999 99:99:99 +9999', '', 'dates', ''),
    headed('ours', 'X-OfflineIMAP: 12-34', 'X-TUID: abcdefghijkl', 'X-Label: a, b', '', 'marks of copying tools', ''),
    headed('cr\rin a header', '', 'bare CR', ''),
    message('Message-ID: <no at sign', 'Message-ID: second', 'Message-ID:', '', 'three odd identifiers', ''),
    message('Message-ID: <>', 'Subject: empty identifier', '', ''),
    message('Message-ID: <a@b> (comment) <c@d>', 'Subject: two in one', '', 'x', ''),
    message(`Message-ID: <${'i'.repeat(2000)}@old.example>`, 'Subject: long identifier', '', 'x', ''),
  ]
}

function bodies(): Buffer[] {
  return [
    headed('no body'),
    headed('no line end', '', 'the last line ends here'),
    headed('From', '', 'From the beginning of a line', '>From quoted', '>>From twice', ''),
    headed('dots', '', '.', '..', '. x', '.'),
    headed('bare CR', '', 'a\rb\r', '\r\rc', ''),
    headed('controls', '', '\x01\x02\x07\x08\x0b\x0c\x1a\x1b[31m\x7f\x80\x9f\xa0\xff', ''),
    headed('NUL', '', 'before\0after', ''),
    headed('one long line', '', 'y'.repeat(200_000), ''),
    headed('blank end', '', 'x', '', '', '', '', ''),
    headed('blanks at line ends', '', 'x  ', '\t', ' ', ''),
    headed('IMAP', '', '{5}', ')', '* BYE', 'A1 OK done', 't1 OK FETCH completed', '* 1 FETCH (BODY[] {3}', 'x)', ''),
    headed('a literal at the end', '', 'x {12}'),
    headed('Python', '', '__import__("os").system("touch /tmp/never") %s %(x)s', ''),
    headed('huge', '', ...noise(1_500_000, 3).toString('base64').replace(/.{76}/g, '$&\n').split('\n'), ''),
    headed(
      'binary',
      'Content-Transfer-Encoding: binary',
      '',
      noise(3000, 5)
        .toString('latin1')
        .replace(/[\r\n\0]/g, '.'),
    ),
    headed('utf-7', 'Content-Type: text/plain; charset=utf-7', '', '+AOQ-', ''),
    headed('no such charset', 'Content-Type: text/plain; charset="x-\xff"', '', '\xe4', ''),
    headed('broken base64', 'Content-Transfer-Encoding: base64', '', '====', 'A', ''),
  ]
}

function structures(): Buffer[] {
  const mixed = 'Content-Type: multipart/mixed; boundary='
  const text = ['Content-Type: text/plain', '', 'text', '']
  const file = (name: string, seed: number) => [
    `Content-Type: application/octet-stream; name="${name}"`,
    'Content-Transfer-Encoding: base64',
    `Content-Disposition: attachment; filename="${name}"`,
    '',
    ...(noise(40_000, seed)
      .toString('base64')
      .match(/.{1,76}/g) ?? []),
    '',
  ]
  return [
    headed(
      'attachments',
      `${mixed}"b"`,
      '',
      '--b',
      ...text,
      '--b',
      ...file('a.bin', 7),
      '--b',
      ...file('\xe4.pdf', 9),
      '--b--',
      '',
    ),
    headed('boundary unquoted', `${mixed}a=b:c/d?e`, '', '--a=b:c/d?e', ...text, '--a=b:c/d?e--', ''),
    headed('boundary missing', 'Content-Type: multipart/mixed', '', '--x', ...text, '--x--', ''),
    headed('boundary never closed', `${mixed}"b"`, '', '--b', ...text),
    headed('boundary inside itself', `${mixed}"b"`, '', '--b', `${mixed}"b"`, '', '--b', ...text, '--b--', '--b--', ''),
    headed('preamble', `${mixed}"b"`, '', 'preamble', '--b', ...text, '--b--', 'epilogue', ''),
    headed('rfc822', 'Content-Type: message/rfc822', '', 'Subject: inner', '', 'inner', ''),
    headed(
      'rfc822 in base64',
      'Content-Type: message/rfc822',
      'Content-Transfer-Encoding: base64',
      '',
      'U3ViamVjdDogeA==',
      '',
    ),
    headed('deep', ...Array.from({ length: 60 }, (_, at) => `${mixed}"d${at}"\r\n\r\n--d${at}`), ...text),
    headed('two types', 'Content-Type: text/plain', 'Content-Type: text/html', '', '<p>\xa0', ''),
    headed('type nonsense', 'Content-Type: ;;/=', 'Content-Disposition: ===', 'MIME-Version: \x80', '', 'x', ''),
  ]
}
