import { randomUUID } from 'node:crypto'

/** The header that nearly all mail has, with its line's end. */
export function messageId(): string {
  return `Message-ID: <${randomUUID()}@old.example>\r\n`
}
