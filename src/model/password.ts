const PASSWORD_BYTES = 1024

/**
 * Whether a text can be a password at all: UTF-8 up to 1,024 bytes, without NUL, CR and LF, not empty.
 * A password is never trimmed or normalised.
 */
export function isPassword(text: string): boolean {
  return text !== '' && text.isWellFormed() && !/[\0\r\n]/.test(text) && Buffer.byteLength(text) <= PASSWORD_BYTES
}
