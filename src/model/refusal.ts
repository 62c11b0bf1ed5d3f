/** A request that cannot be carried out as things are; the message tells the person why and what to do. */
export class Refusal extends Error {}
