/**
 * What programs and servers say of troubles. A word that is not here is not shown: it may be a name, a secret or a part
 * of one; and what is left out says nothing, because it does not depend on the secret.
 */
const WORDS = new Set(
  `a about access account active again allowed an and another any are as at attempts auth authenticate authenticated
  authentication authorization back backend backoff because been before blocked browser busy but by can cannot clear
  client closed closing command concurrent connect connected connection connections contact could credentials currently
  daemon database denied desk directory disabled disconnected down email enabled encryption error exceeded expired
  failed failure fatal first for from generic has have help host imap in inactivity incorrect information internal into
  invalid is it later ldap limit locked log logged login logins logout lookup mail mailbox maintenance many maximum may
  mechanism message more must network no not now number of off ok on only open or out overload password per permitted
  plaintext please policy postmaster problem process protocol quota rate refused request required response retry
  seconds secure see server service session shutting simultaneous ssl starttls suspended system temporarily temporary
  that the there this throttled time timed timeout tls to too try unable unavailable unexpected unknown unreachable
  unsupported use user username via wait was web with wrong you your
  after answer answered anything ask block certificate change changed characters check chain closes copied copy could
  create created deleted device did directory disk does done eof errno exceeded exists exit expected fetch file
  fingerprint folder folders found free full handed hostname ignored instance interrupted issuer its json keep kept key
  left lines list lists local lock lost match mechanisms messages mismatch missing most name names nothing offered old
  one opened operation peer permission pipe quota read readable recent rest run sealed self-signed send sent signal
  skipped space status stopped such sync syncing taken traceback trying unexpectedly uid using valid validity verify
  version while whole without would write written attributeerror brokenpipeerror connectionrefusederror
  connectionreseterror filenotfounderror gaierror indexerror interruptederror keyerror offlineimaperror oserror
  permissionerror runtimeerror image malformed sslcertverificationerror sslerror timeouterror typeerror unicodedecodeerror valueerror`.split(
    /\s+/,
  ),
)

export function isOrdinary(word: string): boolean {
  return WORDS.has(plain(word))
}

/** A word without the marks around it. */
export function plain(word: string): string {
  return word.toLowerCase().replace(/^[("'[]+|[)"'\].,:;!?]+$/g, '')
}

/** A text in which every other word is left out. */
export function ordinary(text: string, isKnown: (word: string) => boolean = () => false): string {
  const words = text.split(/[\s\p{Cc}]+/u).filter((word) => word !== '')
  return words.map((word) => (isOrdinary(word) || isKnown(word) ? word : '…')).join(' ')
}

/** What an error may say where everybody reads it: which file could not be used, or its ordinary words. */
export function errorText(error: unknown): string {
  const { code = '', path } = error as NodeJS.ErrnoException
  const text = path === undefined ? `${code} ${ordinary(String(error))}` : `${code} ${path}`
  return text
    .replaceAll(/\p{Cc}/gu, '…')
    .trim()
    .slice(0, TEXT_LENGTH)
}

const TEXT_LENGTH = 500
