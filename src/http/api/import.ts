import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox'
import { Type } from 'typebox'
import { Refused } from '../../model/refused.ts'
import type { House } from '../../operations/house.ts'
import type { BadLine } from '../../operations/import.ts'
import { piecesOf, readPeople } from '../../operations/import-file.ts'
import { Count, exactly, listOf, Text } from '../../operations/schema.ts'
import { by, Reason } from './by.ts'

const FILE_LIMIT = 16 * 1024 * 1024
const BAD_LINES_SHOWN = 1_000

const Options = exactly({
  dry_run: Type.Optional(Type.Boolean({ description: 'Look at every line, and write nothing' })),
  skip_bad: Type.Optional(Type.Boolean({ description: 'Import the good lines although there are bad ones' })),
  verify: Type.Optional(Type.Boolean({ description: 'Ask the old server about every password' })),
  reason: Reason,
})
const Outcome = Type.Object({
  bad_lines: listOf(Type.Object({ number: Count, reason: Text })),
  ...{ lines: Count, bad: Count, awaited: Count, pending: Count, kept: Count },
  written: Type.Boolean(),
})
const NotImported = Type.Object({ error: Text, ...Type.Partial(Outcome).properties })
/** As it came, to be read line by line. */
const Csv = Type.Unsafe<Buffer>({
  description:
    'UTF-8: address, old_username, old_password, quota (all but the first may be missing); a header names others',
})

/** `/import`: people of a CSV file are expected. */
export const importing: FastifyPluginAsyncTypebox<{ house: House }> = async (app, { house }) => {
  app.removeAllContentTypeParsers()
  app.addContentTypeParser('text/csv', { parseAs: 'buffer' }, (_, body, done) => done(null, body))

  app.post(
    '/import',
    {
      bodyLimit: FILE_LIMIT,
      schema: {
        summary: 'Expect the people of a CSV file: all of them, or (when a line is bad) nobody',
        consumes: ['text/csv'],
        ...{ body: Csv, querystring: Options, response: { 200: Outcome, 409: NotImported } },
      },
    },
    async ({ body, query }, reply) => {
      if (!Buffer.isBuffer(body)) throw new Refused('invalid', 'the people are sent as text/csv')
      // Longer than anybody is silent otherwise: the old server may be asked about each of them.
      reply.raw.socket?.setTimeout(0)
      const pieces = piecesOf(body, () => {
        if (reply.raw.destroyed) throw new Refused('conflict', 'whoever asked has gone: nothing is imported')
      })
      const badLines: BadLine[] = []
      const outcome = await house.importPeople(readPeople(pieces), {
        ...{ dryRun: query.dry_run ?? false, skipBad: query.skip_bad ?? false, verify: query.verify ?? false },
        by: by(query.reason),
        async onBad(line) {
          if (badLines.length < BAD_LINES_SHOWN) badLines.push(line)
        },
        onProgress: () => undefined,
      })
      const answer = { bad_lines: badLines, ...outcome }
      if (outcome.written || query.dry_run) return answer
      const error = `${outcome.bad} of ${outcome.lines} lines cannot be imported: nothing is imported`
      return await reply.code(409).send({ error, ...answer })
    },
  )
}
