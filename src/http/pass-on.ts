import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'

/** An app that is made when it is first used. */
export interface Later {
  get(): Promise<FastifyInstance>
  /** Closes it, if it was made. */
  close(): Promise<void>
}

const PATHS = ['/admin', '/admin/*', '/v1/admin/*', '/openapi.json']

/** Passes on what administrators ask to an app that is made for them: sign-ins alone do not pay for it. */
export function passOn(listener: FastifyInstance, administration: Pick<Later, 'get'>): void {
  // Before the body is read, which is for the other app to do.
  const onRequest = async (request: FastifyRequest, reply: FastifyReply) => {
    const app = await administration.get()
    reply.hijack()
    app.routing(request.raw, reply.raw)
  }
  for (const url of PATHS) listener.all(url, { onRequest }, () => undefined)
}

export function later(make: () => Promise<FastifyInstance>): Later {
  let made: Promise<FastifyInstance> | undefined
  return {
    get() {
      made ??= ready(make).catch((error) => {
        made = undefined
        throw error
      })
      return made
    },
    async close() {
      await (await made?.catch(() => undefined))?.close()
    },
  }
}

async function ready(make: () => Promise<FastifyInstance>): Promise<FastifyInstance> {
  const app = await make()
  await app.ready()
  return app
}
