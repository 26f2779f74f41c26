// Draws with uPlot: the lines, the limits as a band, doors and alarms and gaps beneath them.
//
// Takes what is to be seen in the person's degrees; knows nothing of where it comes from.
import uPlot from 'uplot';
import 'uplot/dist/uPlot.min.css';
import type { Columns, Span } from './series';
import { date, full, moment } from '../words/time';
import { DAY } from '../words/time';

export interface Picture {
  columns: Columns;
  /** A name for each line; of a band: lowest, mean, highest. */
  kind: 'lines' | 'band';
  /** Milliseconds. */
  from: number;
  to: number;
  /** In degrees. */
  limits: { min?: number; max?: number };
  doors: readonly Span[];
  alarms: readonly Span[];
  gaps: readonly Span[];
  zone?: string;
  suffix: string;
}

/** The colours as the page has them now; a canvas cannot read a style sheet. */
export interface Palette {
  ink: string;
  soft: string;
  line: string;
  surface: string;
  ok: string;
  limit: string;
  alarm: string;
  door: string;
  gap: string;
  lines: string[];
}

const DOOR_HEIGHT = 6;

export function palette(box: HTMLElement): Palette {
  const probe = document.createElement('i');
  box.append(probe);
  const read = (name: string) => {
    probe.style.color = `var(${name})`;
    return getComputedStyle(probe).color;
  };
  const colours = {
    ink: read('--ink'),
    soft: read('--soft'),
    line: read('--line'),
    surface: read('--surface'),
    ok: read('--ok'),
    limit: read('--alarm'),
    alarm: read('--alarm'),
    door: read('--calm'),
    gap: read('--silent'),
    lines: [1, 2, 3, 4].map((number) => read(`--chart-${number}`)),
  };
  probe.remove();
  return colours;
}

/** The scale of degrees: all values and both limits, with air above and below. */
export function scaleOf(picture: Picture): [number, number] {
  let low = Infinity;
  let high = -Infinity;
  for (const column of picture.columns.slice(1)) {
    for (const value of column) {
      if (value === null || value === undefined) continue;
      low = Math.min(low, value);
      high = Math.max(high, value);
    }
  }
  for (const limit of [picture.limits.min, picture.limits.max]) {
    if (limit === undefined) continue;
    low = Math.min(low, limit);
    high = Math.max(high, limit);
  }
  if (low > high) return [0, 10];
  const air = Math.max(0.5, (high - low) * 0.12);
  return [low - air, high + air];
}

function hatch(context: CanvasRenderingContext2D, colour: string): CanvasPattern | string {
  const tile = document.createElement('canvas');
  const side = 8 * devicePixelRatio;
  tile.width = side;
  tile.height = side;
  const brush = tile.getContext('2d');
  if (brush === null) return colour;
  brush.strokeStyle = colour;
  brush.globalAlpha = 0.35;
  brush.lineWidth = 1.5 * devicePixelRatio;
  brush.beginPath();
  for (const shift of [-side, 0, side]) {
    brush.moveTo(shift, side);
    brush.lineTo(shift + side, 0);
  }
  brush.stroke();
  return context.createPattern(tile, 'repeat') ?? colour;
}

/** What lies beneath the lines. */
function ground(plot: uPlot, picture: Picture, colours: Palette): void {
  const { ctx, bbox } = plot;
  const left = (at: number) => Math.max(bbox.left, plot.valToPos(at / 1000, 'x', true));
  const right = (at: number) => Math.min(bbox.left + bbox.width, plot.valToPos(at / 1000, 'x', true));
  const block = (span: Span, style: string | CanvasPattern, alpha: number, top: number, height: number, least = 0) => {
    const begin = left(span.from);
    const width = Math.max(least, right(span.to) - begin);
    if (width <= 0) return;
    ctx.globalAlpha = alpha;
    ctx.fillStyle = style;
    ctx.fillRect(begin, top, width, height);
  };
  ctx.save();
  ctx.beginPath();
  ctx.rect(bbox.left, bbox.top, bbox.width, bbox.height);
  ctx.clip();
  const { min, max } = picture.limits;
  const top = max === undefined ? bbox.top : plot.valToPos(max, 'y', true);
  const bottom = min === undefined ? bbox.top + bbox.height : plot.valToPos(min, 'y', true);
  if (min !== undefined || max !== undefined) {
    ctx.globalAlpha = 0.1;
    ctx.fillStyle = colours.ok;
    ctx.fillRect(bbox.left, top, bbox.width, bottom - top);
  }
  for (const span of picture.alarms) block(span, colours.alarm, 0.16, bbox.top, bbox.height, devicePixelRatio);
  const lines = hatch(ctx, colours.gap);
  for (const span of picture.gaps) block(span, lines, 1, bbox.top, bbox.height, 2 * devicePixelRatio);
  const height = DOOR_HEIGHT * devicePixelRatio;
  for (const span of picture.doors) {
    block(span, colours.door, 1, bbox.top + bbox.height - height, height, 1.5 * devicePixelRatio);
  }
  ctx.restore();
}

/** The limits, over the lines of the grid and dashed, each with its figure at the right. */
function limitLines(plot: uPlot, picture: Picture, colours: Palette): void {
  const { ctx, bbox } = plot;
  ctx.save();
  ctx.strokeStyle = colours.limit;
  ctx.globalAlpha = 0.8;
  ctx.lineWidth = 1.25 * devicePixelRatio;
  ctx.setLineDash([6 * devicePixelRatio, 4 * devicePixelRatio]);
  for (const limit of [picture.limits.min, picture.limits.max]) {
    if (limit === undefined) continue;
    const y = plot.valToPos(limit, 'y', true);
    ctx.beginPath();
    ctx.moveTo(bbox.left, y);
    ctx.lineTo(bbox.left + bbox.width, y);
    ctx.stroke();
  }
  ctx.restore();
}

function withAlpha(colour: string, alpha: number): string {
  return colour.replace(/^rgb\((.*)\)$/, `rgba($1, ${alpha})`);
}

function seriesOf(picture: Picture, colours: Palette): uPlot.Series[] {
  const first = colours.lines[0] ?? colours.ink;
  if (picture.kind === 'band') {
    const edge: uPlot.Series = { stroke: withAlpha(first, 0.35), width: 1, points: { show: false } };
    return [{}, edge, { stroke: first, width: 2, points: { size: 4 } }, edge];
  }
  return [
    {},
    ...picture.columns.slice(1).map((_, index) => ({
      stroke: colours.lines[index % colours.lines.length] ?? colours.ink,
      width: 2,
      // Single readings between two gaps are points, or nobody would see them.
      points: { size: 4 },
    })),
  ];
}

/** What the axis below says at a time: the day where one begins, else the clock. */
function tickWords(seconds: number, picture: Picture): string {
  const at = seconds * 1000;
  if (picture.to - picture.from > 2 * DAY) return date(at, picture.zone);
  return moment(at, at, picture.zone);
}

export interface Drawn {
  plot: uPlot;
  update(picture: Picture): void;
}

/** Draws into `box`. `moved` hears the index that the pointer is at, or nothing. */
export function draw(
  box: HTMLElement,
  first: Picture,
  colours: Palette,
  size: { width: number; height: number },
  moved: (index: number | undefined) => void,
): Drawn {
  let picture = first;
  const rem = parseFloat(getComputedStyle(document.documentElement).fontSize);
  const font = `${Math.round(rem * 0.8)}px ${getComputedStyle(document.body).fontFamily}`;
  const axis = { stroke: colours.soft, font, ticks: { show: false } };
  const grid = { stroke: colours.line, width: 1 };
  const plot = new uPlot(
    {
      ...size,
      padding: [rem * 0.5, rem * 0.5, 0, 0],
      legend: { show: false },
      cursor: { y: false, drag: { x: false, y: false }, points: { size: rem * 0.6 } },
      scales: {
        x: { time: true, range: () => [picture.from / 1000, picture.to / 1000] },
        y: { range: () => scaleOf(picture) },
      },
      tzDate: (seconds) => (picture.zone ? uPlot.tzDate(new Date(seconds * 1000), picture.zone) : new Date(seconds * 1000)),
      axes: [
        { ...axis, grid: { show: false }, size: rem * 2, space: rem * 4.5, values: (_, ticks) => ticks.map((tick) => tickWords(tick, picture)) },
        { ...axis, grid, size: rem * 3.25, space: rem * 2.5, values: (_, ticks) => ticks.map((tick) => `${String(tick).replace('-', '\u2212')}°`) },
      ],
      series: seriesOf(picture, colours),
      bands: picture.kind === 'band' ? [{ series: [3, 1], fill: withAlpha(colours.lines[0] ?? colours.ink, 0.2) }] : [],
      hooks: {
        drawClear: [(plot) => ground(plot, picture, colours)],
        draw: [(plot) => limitLines(plot, picture, colours)],
        setCursor: [(plot) => moved(plot.cursor.idx ?? undefined)],
      },
    },
    first.columns as uPlot.AlignedData,
    box,
  );
  return {
    plot,
    update(next) {
      picture = next;
      plot.setData(next.columns as uPlot.AlignedData);
    },
  };
}

/** The instant that a chart's readout is about, in words. */
export function instant(seconds: number, zone: string | undefined): string {
  return full(seconds * 1000, zone);
}
