/**
 * What strangers may call themselves and their folders, or let their server say: each would do harm if it were markup.
 */
export const HOSTILE: Readonly<Record<string, string>> = {
  script: '<script>globalThis.hacked = 1</script>',
  image: '<img src=x onerror="globalThis.hacked = 1">',
  attribute: '" autofocus onfocus="globalThis.hacked = 1" x="',
  apostrophe: "' onmouseover='globalThis.hacked = 1",
  link: 'javascript:globalThis.hacked=1',
  entity: '&lt;b&gt;&amp;&#x3c;script&#x3e;',
  comment: '--><svg/onload=globalThis.hacked=1><!--',
  template: '{{globalThis.hacked=1}}<%= globalThis.hacked=1 %>',
  request: '<b hx-get="/admin/sign-out" hx-trigger="load" hx-on:click="globalThis.hacked = 1">b</b>',
  bidi: '\u202egnp.exe\u2066evil\u2069',
  invisible: 'ad\u200bmin\u2060\u00ad',
  long: 'W'.repeat(1000),
}
