const LENGTH = 255

/** Whether the source can be asked with a user name of its own: one line, 255 characters at most. */
export function isUsername(text: string): boolean {
  return text !== '' && text.length <= LENGTH && text.isWellFormed() && !/\p{Cc}/u.test(text)
}
