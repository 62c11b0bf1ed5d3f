import { scaleLinear, scaleUtc } from 'd3-scale'
import { area, stack } from 'd3-shape'
import { count } from '../../model/count.ts'
import type { DayCount } from '../../operations/report.ts'
import { html, type Piece } from './html.ts'

const WIDTH = 720
const HEIGHT = 200
// There is room for four characters at the side: 100K.
const COUNT = new Intl.NumberFormat('en', { notation: 'compact' })
const EDGE = { left: 56, right: 12, top: 10, bottom: 26 }

// From the bottom up.
const LAYERS = ['done', 'synced', 'pending', 'awaited', 'paused', 'failed'] as const
type Layer = (typeof LAYERS)[number]
type Day = Readonly<Record<Layer, number>> & { readonly time: number }

/** How many people were how far at the end of each day, stacked. */
export function burnDownChart(days: readonly DayCount[], today: string): Piece {
  const counted = days.map(dayOf)
  // One day alone has no extent: it is shown as wide as the chart.
  const shown =
    counted.length === 1 && counted[0] ? [{ ...counted[0], time: counted[0].time - DAY_MS }, counted[0]] : counted
  const most = Math.max(1, ...shown.map((day) => LAYERS.reduce((sum, layer) => sum + day[layer], 0)))
  const x = scaleUtc([shown[0]?.time ?? 0, shown.at(-1)?.time ?? 0], [EDGE.left, WIDTH - EDGE.right])
  const y = scaleLinear([0, most], [HEIGHT - EDGE.bottom, EDGE.top]).nice(4)
  const band = area<[number, number]>()
    .x((_, index) => x(shown[index]?.time ?? 0))
    .y0(([low]) => y(low))
    .y1(([, high]) => y(high))
  const bands = stack<Day, Layer>().keys(LAYERS)(shown)
  const last = days.at(-1)
  const label = last
    ? `Until ${today}: ${count(last.remaining)} people remain, ${count(last.synced)} are synced, ${count(last.done)} are done.`
    : ''
  return html`<svg class="chart" viewBox="0 0 ${WIDTH} ${HEIGHT}" role="img" aria-label=${label}>
    ${bands.map((layer) => html`<path class=${layer.key} d=${band(layer.map(([low, high]) => [low, high] as [number, number]))} />`)}
    ${y
      .ticks(4)
      .filter(Number.isInteger)
      .map(
        (tick) => html`<line class="grid" x1=${EDGE.left} x2=${WIDTH - EDGE.right} y1=${y(tick)} y2=${y(tick)} />
        <text x=${EDGE.left - 8} y=${y(tick) + 4} text-anchor="end">${COUNT.format(tick)}</text>`,
      )}
    ${x.ticks(4).map((tick) => html`<text x=${x(tick)} y=${HEIGHT - 6} text-anchor="middle">${tick.toISOString().slice(5, 10)}</text>`)}
  </svg>
  <ul class="legend">${LAYERS.map((layer) => html`<li><i class=${layer}></i>${layer}</li>`)}</ul>`
}

const DAY_MS = 24 * 60 * 60 * 1000

function dayOf({ day, ...counts }: DayCount): Day {
  return { ...counts, time: Date.parse(day) }
}
