import { type RawBuilder, sql } from 'kysely'

/** Whether mail of the joined provider's people is copied at this hour. */
export const isOpen = isOpenAt(sql<Date>`now()`)

/** Whether it is at another moment: by the clocks of the window's zone, summer time included. */
export function isOpenAt(moment: RawBuilder<Date>) {
  const localTime = sql`(${moment} at time zone provider.window_zone)::time`
  return sql<boolean>`(provider.window_from is null or case
    when provider.window_from < provider.window_until
      then ${localTime} >= provider.window_from::time and ${localTime} < provider.window_until::time
    else ${localTime} >= provider.window_from::time or ${localTime} < provider.window_until::time end)`
}
