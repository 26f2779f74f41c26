// What a unit's chart is made of: fetched for a range, then kept fresh by the stream.
//
// A day comes as single readings, longer ranges as hourly figures. A range that was left while it was being fetched is
// thrown away when it comes.
import { api, everything, type Fault, type Outcome } from '../api/client';
import type { Alert, DoorEvent, Metric, Reading } from '../api/types';
import { RANGE_MS, type Figures, type Portion, type Range, type Sample } from '../chart/series';
import { millis } from '../words/standing';
import { HOUR } from '../words/time';
import { clock } from './clock.svelte';
import { fleet } from './fleet.svelte';

/** Alerts raised before the range may reach into it. */
const ALERTS_BEFORE_MS = 7 * 24 * HOUR;

interface HourFigures extends Figures {
  readings: number;
}

export class History {
  range = $state<Range>('24h');
  samples = $state.raw<Sample[]>([]);
  figures = $state.raw<HourFigures[]>([]);
  doors = $state.raw<{ at: number; open: boolean }[]>([]);
  alerts = $state.raw<Alert[]>([]);
  loading = $state(true);
  fault = $state<Fault>();
  readonly to = $derived(clock.slow);
  readonly from = $derived(this.to - RANGE_MS[this.range]);

  #unit: string;
  #turn = 0;
  #seen = new Set<string>();

  constructor(unit: string) {
    this.#unit = unit;
  }

  /** Follows the unit until what is given back is called. */
  follow(): () => void {
    const leave = fleet.watch(this.#unit, {
      readings: (readings) => this.#append(readings),
      history: () => void this.load(),
    });
    void this.load();
    return leave;
  }

  choose(range: Range): void {
    this.range = range;
    this.loading = true;
    void this.load();
  }

  async load(): Promise<void> {
    this.#turn += 1;
    const turn = this.#turn;
    const now = clock.read();
    const from = now - RANGE_MS[this.range];
    const daily = this.range === '24h';
    const [rows, doors, alerts] = await Promise.all([
      daily ? this.#readings(from) : this.#metrics(from),
      this.#doorEvents(from),
      this.#alerts(from),
    ]);
    if (turn !== this.#turn) return;
    this.loading = false;
    const failed = [rows, doors, alerts].find((got) => !got.ok);
    this.fault = failed && !failed.ok ? failed.fault : undefined;
    if (!rows.ok || !doors.ok || !alerts.ok) return;
    this.#seen.clear();
    if (daily) {
      this.figures = [];
      this.samples = [];
      this.#append(rows.value as Reading[]);
    } else {
      this.samples = [];
      this.figures = (rows.value as Metric[]).map(figuresOf);
    }
    this.doors = doors.value.map((event) => ({ at: millis(event.at) ?? 0, open: event.state === 'open' }));
    this.alerts = alerts.value;
  }

  /** The door as the stream tells it, until the events themselves are fetched again. */
  door(at: number, open: boolean): void {
    const last = this.doors.at(-1);
    if (last !== undefined && (last.at >= at || last.open === open)) return;
    this.doors = [...this.doors, { at, open }];
  }

  /** What the table beside the chart adds up. */
  portions(): Portion[] {
    if (this.range !== '24h') return this.figures;
    return this.samples.flatMap(({ at, centi }) =>
      centi === null ? [] : [{ at, min: centi, mean: centi, max: centi, readings: 1 }],
    );
  }

  #append(readings: readonly Reading[]): void {
    if (this.range !== '24h') return;
    const fresh = readings.filter(({ stream, seq }) => !this.#seen.has(`${stream}/${seq}`));
    if (fresh.length === 0) return;
    for (const { stream, seq } of fresh) this.#seen.add(`${stream}/${seq}`);
    const oldest = clock.read() - RANGE_MS['24h'];
    const samples = [...this.samples, ...fresh.map(sampleOf)].filter(({ at }) => at >= oldest);
    this.samples = samples.sort((one, other) => one.at - other.at);
  }

  #query(from: number, after: string | undefined, limit: number) {
    const query = { from: new Date(from).toISOString(), limit, after };
    return { params: { path: { unit: this.#unit }, query } };
  }

  #readings(from: number): Promise<Outcome<Reading[]>> {
    return everything((after) => api.GET('/api/v1/units/{unit}/readings', this.#query(from, after, 5000)));
  }

  #metrics(from: number): Promise<Outcome<Metric[]>> {
    return everything((after) => api.GET('/api/v1/units/{unit}/metrics', this.#query(from, after, 1000)));
  }

  #doorEvents(from: number): Promise<Outcome<DoorEvent[]>> {
    return everything((after) => api.GET('/api/v1/units/{unit}/door-events', this.#query(from, after, 1000)));
  }

  #alerts(from: number): Promise<Outcome<Alert[]>> {
    const since = new Date(from - ALERTS_BEFORE_MS).toISOString();
    return everything((after) =>
      api.GET('/api/v1/alerts', { params: { query: { unit: this.#unit, from: since, limit: 1000, after } } }),
    );
  }
}

function sampleOf(reading: Reading): Sample {
  return {
    at: millis(reading.recorded_at) ?? 0,
    centi: reading.quality === 0 ? reading.temperature_centi_c : null,
    point: reading.channel ?? reading.point_id ?? '',
  };
}

function figuresOf(metric: Metric): HourFigures {
  return {
    at: millis(metric.period_start) ?? 0,
    min: metric.temp_min_centi_c,
    mean: metric.temp_avg_centi_c,
    max: metric.temp_max_centi_c,
    readings: metric.reading_count,
  };
}
