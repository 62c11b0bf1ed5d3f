import type { Command } from 'commander'
import { covers, endpointOf, endpointText } from '../../model/endpoint.ts'
import { type Provider, warningOf } from '../../model/provider.ts'
import { approveProvider } from '../../operations/provider-approval.ts'
import { stopFlips, stoppedText } from '../../operations/provider-flips.ts'
import { refuseWithout, useMaster } from '../../operations/provider-master.ts'
import {
  addedText,
  addProvider,
  type ChangedProvider,
  listProviders,
  removeProvider,
  setProvider,
  shownRow,
  showProvider,
} from '../../operations/providers.ts'
import { usageRow } from '../../operations/rows.ts'
import type { Settings } from '../../settings.ts'
import type { CliDeps } from '../deps.ts'
import { EXIT, Failure } from '../terminal/exit.ts'
import { addListing, addOperation, addRecord, CALLER } from '../terminal/operation-command.ts'
import { statusOf } from '../terminal/running.ts'
import { addTest } from './provider-test.ts'

export function addProviderCommands(postferry: Command, deps: CliDeps): void {
  const provider = postferry.command('provider').description('old IMAP servers, and how to reach them')
  addOperation(provider, 'add', addProvider, deps, {
    ...{ arguments: ['name'], json: 'the provider' },
    examples: [
      'postferry provider add old --host imap.old.example',
      "postferry provider add isp --host mail.isp.example --tls starttls --login-name '%n' --exclude 'Spam*'",
    ],
    done: (added) => `provider ${addedText(added)}${warned(null, added)}; next: postferry provider test ${added.name}`,
  })
  addListing(provider, 'list', listProviders, deps, {
    columns: ['name', 'host', 'port', 'tls', 'max_connections', 'login_name', 'cutover', 'refusal'],
    examples: ['postferry provider list'],
  })
  addRecord(provider, 'show', showProvider, deps, {
    ...{ arguments: ['name'], examples: ['postferry provider show old'] },
    row: async (shown, { settings }) => ({ ...shownRow(shown), ...(await usage(settings, shown.name)) }),
  })
  addOperation(provider, 'set', setProvider, deps, {
    ...{ arguments: ['name'], json: 'the provider' },
    examples: [
      'postferry provider set old --ca-file /etc/postferry/old-ca.pem',
      "postferry provider set old --exclude Trash --exclude 'Spam*'",
      'postferry provider set old --no-fingerprint',
      'postferry provider set old --window 20:00-06:00',
    ],
    check({ name: _, reason: __, ...said }) {
      if (Object.keys(said).length === 0) throw new Failure(EXIT.usage, 'say what to change (--help shows how)')
    },
    done: (changed) =>
      `provider ${changed.after.name} is changed${warned(changed.before, changed.after)}; next: ${next(changed)}`,
  })
  addOperation(provider, 'remove', removeProvider, deps, {
    ...{ arguments: ['name'], json: 'the removed provider', examples: ['postferry provider remove old'] },
    done: ({ name }) => `provider ${name} is removed`,
  })
  addTest(provider, deps)
  addUseMaster(provider, deps)
  addOperation(provider, 'approve', approveProvider, deps, {
    ...{ arguments: ['name'], examples: ['postferry provider approve old'] },
    json: 'the endpoint, and how many migrations are retried,',
    done({ provider: { name }, endpoint, migrations }) {
      const retried = migrations === 0 ? '' : `; ${migrations} migrations that had stopped for it are retried`
      return `this host sends kept passwords to ${name} at ${endpointText(endpoint)}${retried}`
    },
  })
}

/** The master user's password is read from standard input. */
function addUseMaster(provider: Command, deps: CliDeps): void {
  addOperation(provider, 'stop-flips', stopFlips, deps, {
    ...{ arguments: ['name'], json: 'how many requests were taken back' },
    examples: ['postferry provider stop-flips old --reason overrun'],
    done: stoppedText,
  })
  addOperation(provider, 'use-master', useMaster, deps, {
    ...{ arguments: ['name'], json: 'how many people' },
    examples: [
      "postferry provider set old --master-name admin --master-login 'user*master'",
      'postferry provider use-master old <password-file',
    ],
    note: 'Whoever signs in later brings a credential of their own. Once more with another password, it renews the others.',
    async whose({ perform }, said) {
      const found = await perform(showProvider, said, CALLER())
      refuseWithout(found)
      return `${found.masterName} on the old server`
    },
    done: ({ people, left, provider: { name } }) =>
      `the mail of ${people} people of ${name} is copied as its master user${left === 0 ? '' : `; ${left} are left out`}`,
  })
}

function next({ before, after: { name, ...after } }: ChangedProvider): string {
  const test = `postferry provider test ${name}`
  if (covers(endpointOf(before), endpointOf({ name, ...after }))) return test
  return `${test}, and postferry provider approve ${name} on the copying host, which copies nothing from there before`
}

/** What is dangerous about it as it is now, and was not before. */
function warned(before: Provider | null, after: Provider): string {
  const found = warningOf(after)
  return found === null || (before !== null && warningOf(before) === found) ? '' : `; warning: ${found}`
}

/** How the running service uses a provider; null where none runs, or it has not asked there yet. */
async function usage({ socket }: Settings, name: string): Promise<Record<string, unknown>> {
  return usageRow(await statusOf(name, socket))
}
