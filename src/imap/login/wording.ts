import type { Code } from '../../model/verdict.ts'
import type { SourceAnswer } from '../../source/ports.ts'

/** What an answer of the source amounts to when it is not a yes: one of three sorts of no, or the code of trouble. */
export type Kind = Exclude<SourceAnswer['kind'], 'trouble' | 'yes'> | Code

const WHAT = '(?:imap4?(?:rev1)? )?(?:log[- ]?in|sign[- ]?in|logon|log on|authenticat(?:ion|e)|auth|credentials?)'
const WHO = '(?:user[ -]?(?:name|id)?|log[- ]?in(?: name)?|account(?: name)?|mailbox|e-?mail(?: address)?)'
const SECRET = '(?:password|pass ?phrase|passwd|credentials?|secret)'
const WRONG = '(?:invalid|incorrect|bad|wrong|unknown|unrecognized|no such)'
const FAILED = '(?:failed|failure|rejected|refused|denied|incorrect|invalid|wrong|unsuccessful)'
const OR = '(?: or | and | ?/ ?)'
const AGAIN = '(?:[,.;! -]*(?:please )?try again)?'

/** The whole text of a NO that refuses a password, in the wording of several servers. */
const REFUSALS: readonly RegExp[] = [
  `(?:${WHAT} )?${WHAT}(?: command)? (?:has )?${FAILED}(?:[:,.-]* ${WHAT} ${FAILED})?`,
  `${WHAT} ${FAILED}[:,.-]* (?:${WRONG} )?(?:${WHO}|${SECRET})(?:${OR}(?:${WRONG} )?(?:${WHO}|${SECRET}))?(?: ${FAILED})?`,
  `(?:${WHAT}[:,.-]* )?${WRONG} (?:${WHO}|${SECRET}|${WHAT})(?:${OR}(?:${WRONG} )?(?:${WHO}|${SECRET}))?(?: \\(failure\\))?`,
  `(?:${WHO}|${SECRET})(?:${OR}(?:${WHO}|${SECRET}))? (?:is |are |was |were )?${FAILED}`,
  `(?:${WHAT} ${FAILED}[:,.-]* )?(?:user|account|mailbox) (?:is )?(?:unknown|not found|does not exist)`,
].map((text) => new RegExp(String.raw`^\W*${text}${AGAIN}\W*$`, 'i'))

/** Trouble that has a code of its own. */
const TROUBLES: readonly (readonly [RegExp, Code])[] = [
  [/too many|maximum|limit|exceeded|busy|overload|throttl|\brate\b|concurrent/i, 'old-busy'],
  [
    /temporar|try again later|\blater\b|unavailable|unreachable|not available|timed? ?out|maintenance|\bdown\b|server error|internal error/i,
    'old-unreachable',
  ],
]

/** Words that name a reason other than the password: a text with one of them is never a refusal. */
const TROUBLE_WORDS: readonly RegExp[] = [
  ...TROUBLES.map(([pattern]) => pattern),
  /internal|generic|crash|abort|error in|system|daemon|process|backend|database|\bldap|\bsql|radius|kerberos|connect/i,
  /unable|can ?not|can.?t\b|could ?n.t|no response|suspend|lock|block|disabled|not (allowed|permitted|enabled)|policy/i,
  /quota|plain ?text|clear ?text|\b(tls|ssl)\b|secure|encrypt|mechanism|support|not implemented/i,
  /browser|\bweb\b|https?:|application|\bapp\b|two[- ]factor|captcha|verif|migrat|moved|administrator|contact|help ?desk/i,
  /access|denied|authoriz|required|session|service|\blayer\b|\bonly\b|postmaster/i,
  /full e-?mail|complete e-?mail|as (the )?user ?name|please use/i,
]

const OTHERS: readonly (readonly [RegExp, Kind])[] = [
  [/^\W*(your )?(password|account) (has |is )?expired\W*$/i, 'expired'],
  [/^\W*(your )?(account|mailbox|user)( is| has been| was)? (disabled|suspended|deactivated)\W*$/i, 'disabled'],
]

/** What the text of a NO without a telling code means; the first pattern that matches decides. Null: unknown. */
export function kindOfText(text: string): Kind | null {
  if (REFUSALS.some((pattern) => pattern.test(text))) return 'no'
  return first(TROUBLES, text) ?? first(OTHERS, text)
}

/** What the text of a BYE in place of an answer means. */
export function kindOfBye(text: string): Code | null {
  return first(TROUBLES, text)
}

/** Whether a text may name a reason other than the password. */
export function speaksOfTrouble(text: string): boolean {
  return TROUBLE_WORDS.some((pattern) => pattern.test(text))
}

function first<T>(table: readonly (readonly [RegExp, T])[], text: string): T | null {
  return table.find(([pattern]) => pattern.test(text))?.[1] ?? null
}
