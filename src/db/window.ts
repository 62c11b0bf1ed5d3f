import { sql } from 'kysely'

/** The time of day where the provider's window is told. */
const localTime = sql`(now() at time zone provider.window_zone)::time`

/** Whether mail of the joined provider's people is copied at this hour. */
export const isOpen = sql<boolean>`(provider.window_from is null or case
  when provider.window_from < provider.window_until
    then ${localTime} >= provider.window_from::time and ${localTime} < provider.window_until::time
  else ${localTime} >= provider.window_from::time or ${localTime} < provider.window_until::time end)`
