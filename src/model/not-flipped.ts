/** Why a person was not flipped, in words of ours: they may be shown. */
export class NotFlipped extends Error {}
