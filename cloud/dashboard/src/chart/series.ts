// From readings and hourly figures to what the chart draws. Pure: the same rows give the same lines.
//
// A line is broken where nothing was recorded, and where the sensor itself said that its value is not to be believed:
// the eye must never join two points over a time of which nobody knows anything.
import { DAY, HOUR, MINUTE } from '../words/time.ts';

export interface Sample {
  /** Milliseconds since 1970. */
  at: number;
  /** 0.01 °C; null: there was a reading, and it is not to be believed. */
  centi: number | null;
  /** The point that measured it. */
  point: string;
}

export interface Gap {
  from: number;
  to: number;
}

export interface Figures {
  at: number;
  min: number;
  mean: number;
  max: number;
}

/** Times in seconds, then one list of values for each line: the form that uPlot takes. */
export type Columns = [number[], ...(number | null)[][]];

/** Less than this without a reading is no gap, however often the sensor measures. */
const GAP_LEAST = 3 * MINUTE;
/** So many readings in a row must be missing. */
const GAP_MISSED = 3;

/** From how long a silence on a line is broken, for a sensor that measures every so many seconds. */
export function gapAfter(expectedSeconds: number | null | undefined): number {
  return Math.max(GAP_LEAST, (expectedSeconds ?? 60) * 1000 * GAP_MISSED);
}

/** The usual distance between readings: their median, so that neither a hole nor a burst counts. */
export function usualInterval(samples: readonly Sample[]): number {
  const last = new Map<string, number>();
  const steps: number[] = [];
  for (const { at, point } of samples) {
    const before = last.get(point);
    if (before !== undefined && at > before) steps.push(at - before);
    last.set(point, at);
  }
  if (steps.length === 0) return MINUTE;
  steps.sort((one, other) => one - other);
  return steps[Math.floor(steps.length / 2)] ?? MINUTE;
}

/** Of one point's samples in order: with a null between two that are further apart than `limit`. */
export function breakAtGaps(samples: readonly Sample[], limit: number): { at: number; centi: number | null }[] {
  const broken: { at: number; centi: number | null }[] = [];
  let before: number | undefined;
  for (const { at, centi } of samples) {
    if (before !== undefined && at - before > limit) broken.push({ at: before + 1, centi: null });
    broken.push({ at, centi });
    before = at;
  }
  return broken;
}

/** Times in [from, to] of which no believable sample of any point tells, at the edges too. */
export function gaps(samples: readonly Sample[], from: number, to: number, limit: number): Gap[] {
  const found: Gap[] = [];
  let known = from;
  for (const { at, centi } of samples) {
    if (centi === null) continue;
    if (at - known > limit) found.push({ from: known, to: at });
    known = Math.max(known, at);
  }
  if (to - known > limit) found.push({ from: known, to });
  return found;
}

/** Samples as columns, one line for each point in the order given. `convert` is into the person's degrees. */
export function columns(
  samples: readonly Sample[],
  points: readonly string[],
  limit: number,
  convert: (centi: number) => number,
): Columns {
  const lines = points.map((point) => breakAtGaps(samples.filter((sample) => sample.point === point), limit));
  const times = [...new Set(lines.flatMap((line) => line.map(({ at }) => at)))].sort((one, other) => one - other);
  const place = new Map(times.map((at, index) => [at, index]));
  const values = lines.map((line) => {
    // Another point's instant is no break of this line: undefined, which uPlot joins over, where null breaks.
    const column: (number | null | undefined)[] = new Array(times.length).fill(undefined);
    for (const { at, centi } of line) column[place.get(at) ?? 0] = centi === null ? null : convert(centi);
    return column as (number | null)[];
  });
  return [times.map((at) => at / 1000), ...values];
}

/** Hourly figures as columns: lowest, mean, highest; broken where an hour is missing. */
export function bandColumns(figures: readonly Figures[], convert: (centi: number) => number): Columns {
  const table: Columns = [[], [], [], []];
  const [times, low, middle, high] = table as [number[], (number | null)[], (number | null)[], (number | null)[]];
  const add = (at: number, ...values: (number | null)[]) => {
    times.push(at / 1000);
    [low, middle, high].forEach((column, index) => column.push(values[index] ?? null));
  };
  let before: number | undefined;
  for (const { at, min, mean, max } of figures) {
    if (before !== undefined && at - before > HOUR) add(before + HOUR, null, null, null);
    // In the middle of the hour that it is about.
    add(at + HOUR / 2, convert(min), convert(mean), convert(max));
    before = at;
  }
  return table;
}

/** What a table's row is made of: single readings, or the figures of an hour. */
export interface Portion {
  at: number;
  min: number;
  mean: number;
  max: number;
  readings: number;
}

export interface Row extends Omit<Portion, 'min' | 'mean' | 'max'> {
  label: string;
  /** Null: nothing was recorded. */
  min: number | null;
  mean: number | null;
  max: number | null;
}

/** The table beside the chart: what each hour of [from, to] holds, hours of one label put together, none left out. */
export function rows(portions: readonly Portion[], from: number, to: number, label: (hour: number) => string): Row[] {
  const byHour = new Map<number, Portion[]>();
  for (const portion of portions) {
    const hour = Math.floor(portion.at / HOUR);
    byHour.set(hour, [...(byHour.get(hour) ?? []), portion]);
  }
  const made: { label: string; at: number; inside: Portion[] }[] = [];
  for (let hour = Math.floor(from / HOUR); hour * HOUR < to; hour += 1) {
    const name = label(hour * HOUR);
    const inside = byHour.get(hour) ?? [];
    const last = made.at(-1);
    if (last?.label === name) last.inside.push(...inside);
    else made.push({ label: name, at: hour * HOUR, inside: [...inside] });
  }
  return made.map(({ label, at, inside }) => summed(label, at, inside));
}

function summed(label: string, at: number, inside: readonly Portion[]): Row {
  const readings = inside.reduce((sum, { readings }) => sum + readings, 0);
  if (readings === 0) return { label, at, readings, min: null, mean: null, max: null };
  const total = inside.reduce((sum, portion) => sum + portion.mean * portion.readings, 0);
  return {
    label,
    at,
    readings,
    min: inside.reduce((least, { min }) => Math.min(least, min), Infinity),
    mean: Math.round(total / readings),
    max: inside.reduce((most, { max }) => Math.max(most, max), -Infinity),
  };
}

export type Range = '24h' | '7d' | '30d';
export const RANGE_MS: Record<Range, number> = { '24h': DAY, '7d': 7 * DAY, '30d': 30 * DAY };

export interface Span {
  from: number;
  to: number;
}

/** From single door events to the times at which it stood open. `to` ends what is still open. */
export function openSpans(events: readonly { at: number; open: boolean }[], from: number, to: number): Span[] {
  const spans: Span[] = [];
  let since: number | undefined;
  for (const { at, open } of events) {
    if (open) since ??= Math.max(at, from);
    else {
      if (since !== undefined) spans.push({ from: since, to: at });
      since = undefined;
    }
  }
  if (since !== undefined) spans.push({ from: since, to });
  return spans;
}
