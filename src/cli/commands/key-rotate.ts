import type { Command } from 'commander'
import type { Rotation } from '../../keys/reseal.ts'
import { count } from '../../model/count.ts'
import type { Deps } from '../../operations/deps.ts'
import type { CliDeps } from '../deps.ts'
import { by, withReason } from '../terminal/actor.ts'
import { examples } from '../terminal/arguments.ts'
import { EXIT, Failure } from '../terminal/exit.ts'
import { printDone } from '../terminal/output.ts'
import { CountProgress } from '../terminal/progress.ts'

export function addRotate(key: Command, { open }: CliDeps): void {
  const rotate = key
    .command('rotate')
    .description('make a new key and seal every credential to it; interrupted, the same command goes on')
    .option(
      '--drop-old',
      'instead: take the old keys out of the identity file, once nothing is sealed to them any more',
    )
    .option('--json', 'print what was done as JSON')
  examples(withReason(rotate), 'postferry key rotate --reason yearly', 'postferry key rotate --drop-old').action(
    async (options: { dropOld?: boolean; reason?: string; json?: boolean }) => {
      await using deps = await open()
      if (options.dropOld) {
        const dropped = await deps.dropOldKeys(by(options))
        return await printDone({ dropped }, `dropped ${dropped.join(', ')}`, options)
      }
      const rotation = await rotated(deps, options)
      await printDone(fields(rotation), sentence(rotation), options)
      refuseUnopened(rotation)
    },
  )
}

async function rotated({ rotateKey, sealings }: Deps, options: { reason?: string }): Promise<Rotation> {
  const all = (await sealings.counts()).reduce((sum, { count }) => sum + count, 0)
  using progress = new CountProgress('credentials sealed to the new key')
  return await rotateKey(by(options), (resealed) =>
    progress.tell(resealed, Math.min(1, resealed / all), ` of ${count(all)}`),
  )
}

function fields({ recipient, started, resealed, unopened, unopenedCount, settingsDiffer }: Rotation) {
  return { recipient, started, resealed, unopened, unopened_count: unopenedCount, settings_differ: settingsDiffer }
}

function sentence({ recipient, started, resealed, settingsDiffer }: Rotation): string {
  const next = settingsDiffer
    ? 'set POSTFERRY_RECIPIENTS to it on every host, restart serve there, and run "postferry key rotate" again'
    : 'once no other host seals to an old key: postferry key rotate --drop-old'
  return `${started ? 'the new key is' : 'going on with'} ${recipient}; ${count(resealed)} credentials sealed to it; next: ${next}`
}

function refuseUnopened({ unopened, unopenedCount }: Rotation): void {
  if (unopenedCount === 0) return
  const more = unopenedCount > unopened.length ? ', …' : ''
  throw new Failure(EXIT.data, `${count(unopenedCount)} credentials cannot be opened: ${unopened.join(', ')}${more}`)
}
