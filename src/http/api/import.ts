import type { FastifyPluginAsync } from 'fastify'
import { Type } from '../../model/json-schema.ts'
import { Refused } from '../../model/refused.ts'
import { ALIASES_OUTCOME, IMPORT_ALIASES, importingAliases } from '../../operations/alias-import.ts'
import type { Deps } from '../../operations/deps.ts'
import { IMPORT, importing as importPeople, OUTCOME } from '../../operations/import.ts'
import { piecesOf } from '../../operations/import-file.ts'
import type { BadLine } from '../../operations/import-people.ts'
import { fieldsOf } from '../../operations/operation.ts'
import { Count, exactly, listOf, Text } from '../../operations/schema.ts'
import { API, propertiesOf, saidIn } from './route.ts'

const FILE_LIMIT = 16 * 1024 * 1024
const BAD_LINES_SHOWN = 1_000

const BadLines = { bad_lines: listOf(Type.Object({ number: Count, reason: Text })) }
const Outcome = Type.Object({ ...BadLines, ...OUTCOME })
const AliasesOutcome = Type.Object({ ...BadLines, ...ALIASES_OUTCOME })
const NoAliasImported = { ...Type.Object({ error: Text, ...AliasesOutcome.properties }), required: ['error'] }
const NotImported = { ...Type.Object({ error: Text, ...Outcome.properties }), required: ['error'] }
/** As it came, to be read line by line. */
const Csv = Type.Unknown({
  description:
    'UTF-8: address, old_username, old_password, quota (all but the first may be missing); a header names others',
})

const CsvOfAliases = Type.Unknown({ description: 'UTF-8: alias,target; one with several targets has several lines' })

/** `/import` and `/aliases/import`: users or aliases of a CSV file. */
export const importing: FastifyPluginAsync<{ deps: Deps }> = async (app, { deps }) => {
  app.removeAllContentTypeParsers()
  app.addContentTypeParser('text/csv', { parseAs: 'buffer' }, (_, body, done) => done(null, body))

  app.post(
    '/import',
    {
      bodyLimit: FILE_LIMIT,
      schema: {
        summary: `${IMPORT.summary}: all of them or, when a line is bad, nobody`,
        consumes: ['text/csv'],
        ...{ body: Csv, querystring: exactly(propertiesOf(Object.entries(fieldsOf(IMPORT)))) },
        response: { 200: Outcome, 409: NotImported },
      },
    },
    async ({ body, query }, reply) => {
      if (!Buffer.isBuffer(body)) throw new Refused('invalid', 'send the users as text/csv')
      // Longer than anybody is silent otherwise: the old server may be asked about each of them.
      reply.raw.socket?.setTimeout(0)
      const file = piecesOf(body, () => {
        if (reply.raw.destroyed) throw new Refused('conflict', 'the client has gone: nothing is imported')
      })
      const badLines: BadLine[] = []
      const operation = importPeople(file, {
        async onBad(line) {
          if (badLines.length < BAD_LINES_SHOWN) badLines.push(line)
        },
        onProgress: () => undefined,
      })
      const said = saidIn(query as Record<string, unknown>)
      const outcome = await deps.perform(operation, said, API)
      const answer = { bad_lines: badLines, ...outcome }
      if (outcome.written || said.dry_run === 'true') return answer
      const error = `${outcome.bad} of ${outcome.lines} lines cannot be imported: nothing is imported`
      return await reply.code(409).send({ error, ...answer })
    },
  )

  app.post(
    '/aliases/import',
    {
      bodyLimit: FILE_LIMIT,
      schema: {
        summary: `${IMPORT_ALIASES.summary}: all of them or, when a line is bad, none`,
        consumes: ['text/csv'],
        ...{ body: CsvOfAliases, querystring: exactly(propertiesOf(Object.entries(fieldsOf(IMPORT_ALIASES)))) },
        response: { 200: AliasesOutcome, 409: NoAliasImported },
      },
    },
    async ({ body, query }, reply) => {
      if (!Buffer.isBuffer(body)) throw new Refused('invalid', 'send the aliases as text/csv')
      const operation = importingAliases(piecesOf(body))
      const said = saidIn(query as Record<string, unknown>)
      const outcome = await deps.perform(operation, said, API)
      const bad_lines = outcome.badLines.slice(0, BAD_LINES_SHOWN)
      const answer = { bad_lines, ...(operation.answer.row(outcome) as object) }
      if (outcome.written || said.dry_run === 'true') return answer
      const error = `${outcome.badLines.length} of ${outcome.lines} lines cannot be imported: no alias is imported`
      return await reply.code(409).send({ error, ...answer })
    },
  )
}
