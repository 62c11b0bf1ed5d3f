import type { Logger } from 'pino'
import { keepOnlyAtSource } from '../db/only-at-source.ts'
import { recipients } from '../db/recipients.ts'
import { listenOnPort, listenOnSocket } from '../http/listen.ts'
import type { Metrics } from '../http/metrics.ts'
import { countOnlyAtSource } from '../routing/only-at-source.ts'
import { together } from '../routing/recipients.ts'
import { socketmap } from '../routing/socketmap.ts'
import { type AnswerRequest, socketmapServer } from '../routing/socketmap-server.ts'
import type { Service } from './service.ts'

const LOOPBACK = '127.0.0.1'

/** Answers Postfix on the socket and the port of the settings. Dispose to stop. */
export async function openSocketmap(
  { settings, database }: Pick<Service, 'settings' | 'database'>,
  log: Logger,
  lookedUp: Metrics['lookedUp'],
): Promise<AsyncDisposable> {
  const directory = recipients(database)
  const onTrouble = (map: string, cause: unknown) => log.warn({ map, cause: String(cause) }, 'socketmap')
  await using opened = new AsyncDisposableStack()
  const counter = opened.use(
    countOnlyAtSource(keepOnlyAtSource(database.kysely), (cause) => onTrouble('accepted', cause)),
  )
  const answer = socketmap({
    isOurs: together(directory.domains),
    recipient: together(directory.recipients),
    recipientDelimiter: settings.recipientDelimiter,
    countOnlyAtSource: counter.count,
    onTrouble,
  })
  const counted: AnswerRequest = async (request) => {
    const reply = await answer(request)
    const [map = ''] = request.split(' ', 1)
    const [word = ''] = reply.split(' ', 1)
    // Whatever else is asked for is no map of ours, and may be a name.
    lookedUp(word === 'PERM' ? '' : map, word)
    return reply
  }
  const { socketmapSocket: socket, socketmapPort: port } = settings
  await listenOnSocket(opened.use(socketmapServer(counted)), socket, 'POSTFERRY_SOCKETMAP_SOCKET')
  if (port !== 0) await listenOnPort(opened.use(socketmapServer(counted)), LOOPBACK, port, 'POSTFERRY_SOCKETMAP_PORT')
  log.info({ socket, port }, 'socketmap')
  return opened.move()
}
