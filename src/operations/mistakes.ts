/** What somebody typed cannot be used; the message is a sentence that says what it must be. */
export class InvalidField extends Error {}

/** What somebody named is not there; the message says what. */
export class Missing extends Error {}
