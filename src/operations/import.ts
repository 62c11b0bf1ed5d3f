import { Type } from '../model/json-schema.ts'
import { readPeople } from './import-file.ts'
import { type ImportDeps, type ImportOutcome, type ImportWatcher, importPeople } from './import-people.ts'
import { flag, operation } from './operation.ts'
import { Count } from './schema.ts'

export const OUTCOME = {
  ...{ lines: Count, bad: Count, awaited: Count, pending: Count, kept: Count },
  written: Type.Boolean(),
}

/**
 * Imports the people of a CSV file: all of them or, when a line is bad, nobody.
 * @param file the columns address, old_username, old_password, quota: all but the first are optional
 */
export function importing(file: AsyncIterable<Uint8Array>, watcher: ImportWatcher) {
  return operation({
    ...{ name: 'migration.import', permission: 'operate', summary: 'Import users from a CSV file' },
    fields: {
      dry_run: flag('check every line, and write nothing'),
      skip_bad: flag('import the good lines although there are bad ones; default: nothing is imported then'),
      verify: flag('check every password with the old server; a line whose password it refuses is bad'),
    },
    answer: { schema: Type.Object(OUTCOME), row: (outcome: ImportOutcome) => outcome },
    async run(
      { dry_run: isDryRun = false, skip_bad: skipsBad = false, verify: verifies = false },
      deps: ImportDeps,
      by,
    ) {
      const options = { isDryRun, skipsBad, verifies, by, ...watcher }
      return await importPeople(readPeople(file), options, deps)
    },
  })
}

/** As it is described before there is a file. */
export const IMPORT = importing((async function* () {})(), {
  onBad: async () => undefined,
  onProgress: () => undefined,
})
