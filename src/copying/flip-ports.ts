import type { Namespace } from '../model/account.ts'
import type { Job, Unfinished, Worker } from './ports.ts'

/** The holds of flips, in the database. */
export interface Flips {
  /** From now on a worker that dies has died in a flip, or in a return. */
  started(job: Job, worker: Worker): Promise<void>
  /**
   * Holds a person's sessions and mail from now on, for so long at most: proxied ones for a flip, and for a return those who
   * were flipped. Null: the lease is lost, or the person is not to be held any more.
   */
  hold(job: Job, worker: Worker, limitMs: number, way?: 'flip' | 'return'): Promise<string | null>
  /** The hosts of services that live, and may still have an answer of before the hold on its way. */
  unconfirmed(hold: string): Promise<string[]>
  /** From now on something moves. False: the hold's time is over, or nearly. */
  begin(hold: string): Promise<boolean>
  /**
   * The person is here, or with a return at the source. False: the hold's time is over.
   * @param namespace what her folders are called here from now on; null: as everybody's
   */
  land(hold: string, detail: string, namespace?: Namespace | null): Promise<boolean>
  /**
   * Back to where they came from, if it is not too late.
   * @param request taken back with it, or kept: the worker's death says nothing against it
   * @returns how far it has come; null: nothing is left of it
   */
  back(hold: string, reason: string, request?: 'taken-back' | 'kept'): Promise<Unfinished['step'] | null>
  /** The request for a return is taken back, with the reason. */
  refuseReturn(job: Job, reason: string): Promise<void>
  /** Nothing is left to be done for it. @param remark what is to be told for long; missing: nothing */
  forget(hold: string, remark?: string): Promise<void>
}

/** Sessions that the destination hands on. */
export interface Sessions {
  /** Ends those of a person. @returns whether there were any. @throws when it cannot tell */
  end(address: string): Promise<boolean>
  /** The same with those that the destination serves itself. */
  endHere(address: string): Promise<boolean>
  /** @throws when sessions cannot be ended */
  check(): Promise<void>
}
