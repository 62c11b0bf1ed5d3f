import { getHeapStatistics } from 'node:v8'
import underPressure from '@fastify/under-pressure'
import type { FastifyInstance, FastifyReply } from 'fastify'
import type { Code } from '../../model/verdict.ts'

/**
 * Requests answered at a time, by all listeners together. They weigh about 25 MB, and are more than the workers of
 * twenty Dovecots send at once (auth_worker_max_count = 60).
 */
export const REQUESTS_LIMIT = 1_500

/** Connections of one listener, idle ones included; a further one is closed at once. */
export const CONNECTIONS_LIMIT = 4_000

/**
 * A request goes through the event loop some ten times. With half a second each time (the mean of a second, so one long
 * pause is not it) its answer comes after 5 s, and what arrives meanwhile makes it worse.
 */
const LOOP_DELAY_MS = 500

/** V8 ends the process at its limit. Resident memory is no measure: it is not given back when the load is over. */
const HEAP_SHARE = 0.8

const RETRY_AFTER_S = '5'
const CODE: Code = 'throttled'
const SHED_BODY = JSON.stringify({ success: false, verdict: 'tempfail', code: CODE })

/** Turns every request away while the process can hardly keep up, before its body is read. */
export async function shedUnderPressure(app: FastifyInstance, onShed: (path: string) => void): Promise<void> {
  await app.register(underPressure, {
    maxEventLoopDelay: LOOP_DELAY_MS,
    maxHeapUsedBytes: getHeapStatistics().heap_size_limit * HEAP_SHARE,
    pressureHandler: (request, reply) => {
      onShed(request.url)
      shed(reply)
    },
  })
}

/** The answer to a request that is turned away. */
export function shed(reply: FastifyReply): FastifyReply {
  return tryLater(reply).type('application/json; charset=utf-8').send(SHED_BODY)
}

export function tryLater(reply: FastifyReply): FastifyReply {
  return reply.code(503).header('retry-after', RETRY_AFTER_S)
}
