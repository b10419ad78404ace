/** A line of a chart: its points by x, and its name. */
export interface Series {
  readonly name: string
  readonly points: readonly (readonly [x: number, y: number])[]
}

/** A chart with lines over a logarithmic axis. */
export interface LineChart {
  readonly title: string
  /** The values at which the horizontal axis is labelled; from the first to the last of them it extends. */
  readonly xs: readonly number[]
  readonly xName: string
  readonly series: readonly Series[]
  /** A value that is not to be exceeded, drawn as a dashed line with its name. */
  readonly bound?: { readonly y: number; readonly name: string }
}

const WIDTH = 460
const HEIGHT = 300
const PLOT = { left: 56, right: 330, top: 44, bottom: 250 }
const COLUMNS = 2
const COLOURS = ['#0b6e99', '#b3541e', '#4a7c3a', '#7a4ea3', '#8a6d00']
const STEPS = [1, 2, 2.5, 5, 10]
const TICKS = 4
const LABEL_HEIGHT = 14

/** Draws charts beside and below each other, as one SVG. Pure. */
export function svgOf(title: string, charts: readonly LineChart[]): string {
  const width = WIDTH * Math.min(COLUMNS, charts.length)
  const height = HEIGHT * Math.ceil(charts.length / COLUMNS)
  const placed = charts.map((chart, index) => {
    const [x, y] = [(index % COLUMNS) * WIDTH, Math.floor(index / COLUMNS) * HEIGHT]
    return `<g transform="translate(${x} ${y})">\n${drawn(chart)}\n</g>`
  })
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${height}" width="${width}" height="${height}" font-family="sans-serif" font-size="11" role="img">`,
    `<title>${escaped(title)}</title>`,
    `<rect width="${width}" height="${height}" fill="#ffffff"/>`,
    ...placed,
    '</svg>\n',
  ].join('\n')
}

function drawn({ title, xs, xName, series, bound }: LineChart): string {
  const values = series.flatMap(({ points }) => points.map(([, y]) => y))
  const ticks = ticksUpTo(Math.max(0, bound?.y ?? 0, ...values))
  const place = scale(xs, ticks.at(-1) ?? 1)
  const grid = ticks.map((tick) => {
    const y = place.y(tick)
    return `${line([PLOT.left, y], [PLOT.right, y], '#dddddd')}${text([PLOT.left - 6, y + 4], String(tick), 'end')}`
  })
  const axis = xs.map((x) => text([place.x(x), PLOT.bottom + 16], x.toLocaleString('en'), 'middle'))
  const limit =
    bound === undefined
      ? []
      : [
          line([PLOT.left, place.y(bound.y)], [PLOT.right, place.y(bound.y)], '#c00000', '5 4'),
          text([PLOT.left + 4, place.y(bound.y) - 4], bound.name, 'start', '#c00000'),
        ]
  return [
    `<text x="${PLOT.left}" y="24" font-size="13" font-weight="bold" fill="#222222">${escaped(title)}</text>`,
    ...grid,
    ...axis,
    text([(PLOT.left + PLOT.right) / 2, PLOT.bottom + 34], xName, 'middle'),
    ...limit,
    ...series.map((each, index) => curve(each, place, colourOf(index))),
    ...labels(series, place),
  ].join('\n')
}

interface Scale {
  x(value: number): number
  y(value: number): number
}

/** Places on the chart: x by its logarithm, y from 0 on. */
function scale(xs: readonly number[], top: number): Scale {
  const [first, last] = [Math.log(xs[0] ?? 1), Math.log(xs.at(-1) ?? 1)]
  const along = (value: number) => (last === first ? 0.5 : (Math.log(value) - first) / (last - first))
  return {
    x: (value) => round(PLOT.left + along(value) * (PLOT.right - PLOT.left)),
    y: (value) => round(PLOT.bottom - (value / top) * (PLOT.bottom - PLOT.top)),
  }
}

/** Round values from 0 to at least `top`. Pure. */
export function ticksUpTo(top: number): readonly number[] {
  const least = (top > 0 ? top : 1) / TICKS
  const power = 10 ** Math.floor(Math.log10(least))
  const step = (STEPS.find((factor) => factor * power >= least * 0.999) ?? 10) * power
  const count = Math.ceil(top / step - 1e-9)
  return Array.from({ length: Math.max(1, count) + 1 }, (_, index) => Number((index * step).toPrecision(6)))
}

function curve({ points }: Series, place: Scale, colour: string): string {
  const at = points.map(([x, y]) => [place.x(x), place.y(y)] as const)
  const path = at.map(([x, y]) => `${x},${y}`).join(' ')
  const dots = at.map(([x, y]) => `<circle cx="${x}" cy="${y}" r="3" fill="${colour}"/>`).join('')
  return `<polyline points="${path}" fill="none" stroke="${colour}" stroke-width="2"/>${dots}`
}

/** The names at the ends of the lines, moved apart where they would cover each other. */
function labels(series: readonly Series[], place: Scale): readonly string[] {
  const wanted = series
    .map(({ name, points }, index) => ({ name, index, y: place.y(points.at(-1)?.[1] ?? 0) }))
    .sort((a, b) => a.y - b.y)
  let free = PLOT.top
  const put = wanted.map(({ name, index, y }) => {
    const at = Math.max(y, free)
    free = at + LABEL_HEIGHT
    return { name, index, at }
  })
  // Those that came too low move up again, all of them together.
  const below = Math.max(0, free - LABEL_HEIGHT - PLOT.bottom)
  return put.map(({ name, index, at }) =>
    text([PLOT.right + 8, at - below + 4], name, 'start', colourOf(index)),
  )
}

function colourOf(index: number): string {
  return COLOURS[index % COLOURS.length] ?? '#000000'
}

type Point = readonly [x: number, y: number]

function line([x1, y1]: Point, [x2, y2]: Point, colour: string, dashes = ''): string {
  const dashed = dashes === '' ? '' : ` stroke-dasharray="${dashes}"`
  return `<line x1="${x1}" y1="${y1}" x2="${x2}" y2="${y2}" stroke="${colour}"${dashed}/>`
}

type Anchor = 'start' | 'middle' | 'end'

function text([x, y]: Point, content: string, anchor: Anchor, colour = '#444444'): string {
  return `<text x="${round(x)}" y="${round(y)}" text-anchor="${anchor}" fill="${colour}">${escaped(content)}</text>`
}

function escaped(content: string): string {
  return content.replace(/[<>&]/g, (char) => `&#${char.charCodeAt(0)};`)
}

function round(value: number): number {
  return Math.round(value * 10) / 10
}
