/** Why a person was not flipped, in words of ours: they may be shown. */
export class NotFlipped extends Error {}

/** The source refuses something that a return wants of it: it answers. */
export class SourceRefuses extends NotFlipped {}
