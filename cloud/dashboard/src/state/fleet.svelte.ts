// What the organization has: sites, units, hubs, alerts, each as the cloud last told it, kept fresh by the stream.
import { SvelteMap } from 'svelte/reactivity';
import { api, everything, type Fault } from '../api/client';
import type { Alert, Hub, Reading, Site, Unit } from '../api/types';
import type { StreamEvent } from '../live/events';
import { byUrgency, isOpen } from '../words/alerts';
import { bySeverity, byName, isHeard, standing, type Standing } from '../words/standing';
import { clock } from './clock.svelte';
import { person } from './session.svelte';
import { stream } from './stream.svelte';

/** How often a hub that seems silent is asked for once more, before a strip says so for long. */
const ASK_AGAIN_MS = 15_000;

/** The stream says at once from when on it tells everything, and what there is is fetched then; unless it does not come. */
const STREAM_HEAD_START_MS = 400;

export interface Placed {
  unit: Unit;
  standing: Standing;
}

type Told = { unit_id: string; readings?: Reading[] };
export interface Watcher {
  readings(readings: Reading[]): void;
  history(): void;
}

class Fleet {
  readonly sites = new SvelteMap<string, Site>();
  readonly units = new SvelteMap<string, Unit>();
  readonly hubs = new SvelteMap<string, Hub>();
  readonly alerts = new SvelteMap<string, Alert>();
  /** Nothing until the first answer; then how long ago the whole was fetched does not matter, for the stream tells. */
  loaded = $state(false);
  fault = $state<Fault>();

  #watchers = new Map<string, Set<Watcher>>();
  #askedAt = 0;

  readonly placed: Placed[] = $derived(
    [...this.units.values()]
      .map((unit) => ({ unit, standing: standing(unit, this.hubsOf(unit.site_id), clock.slow) }))
      .sort(bySeverity),
  );
  readonly openAlerts: Alert[] = $derived([...this.alerts.values()].filter(isOpen).sort(byUrgency));
  readonly hubsByName: Hub[] = $derived([...this.hubs.values()].sort(byName));

  hubsOf(site: string): Hub[] {
    return [...this.hubs.values()].filter((hub) => hub.site_id === site && hub.is_active && hub.deleted_at == null);
  }

  zoneOf(site: string): string | undefined {
    return this.sites.get(site)?.timezone;
  }

  /** Begins to follow the organization. */
  follow(): void {
    stream.start({
      began: () => void this.load(),
      heard: (event) => this.#hear(event),
      ended: () => {
        person.presence = { state: 'out', ended: true };
      },
    });
    // The first page is not kept waiting for the stream.
    setTimeout(() => {
      if (!this.loaded) void this.load();
    }, STREAM_HEAD_START_MS);
  }

  /** Forgets everything, for it belongs to whoever was signed in. */
  leave(): void {
    stream.stop();
    for (const map of [this.sites, this.units, this.hubs, this.alerts]) map.clear();
    this.loaded = false;
  }

  async load(): Promise<void> {
    const query = (after: string | undefined) => ({ params: { query: { limit: 1000, after } } });
    const [sites, units, hubs, alerts] = await Promise.all([
      everything((after) => api.GET('/api/v1/sites', query(after))),
      everything((after) => api.GET('/api/v1/units', query(after))),
      everything((after) => api.GET('/api/v1/hubs', query(after))),
      everything((after) => api.GET('/api/v1/alerts', { params: { query: { limit: 1000, after, open: true } } })),
    ]);
    const failed = [sites, units, hubs, alerts].find((got) => !got.ok);
    this.fault = failed && !failed.ok ? failed.fault : undefined;
    if (!sites.ok || !units.ok || !hubs.ok || !alerts.ok) return;
    replace(this.sites, sites.value);
    replace(this.units, units.value);
    replace(this.hubs, hubs.value);
    replace(this.alerts, alerts.value);
    this.loaded = true;
    for (const watchers of this.#watchers.values()) for (const watcher of watchers) watcher.history();
  }

  /** Tells of a unit's readings as they come, until what is given back is called. */
  watch(unit: string, watcher: Watcher): () => void {
    const watchers = this.#watchers.get(unit) ?? new Set();
    this.#watchers.set(unit, watchers.add(watcher));
    return () => {
      watchers.delete(watcher);
    };
  }

  #hear(event: StreamEvent): void {
    switch (event.name) {
      case 'unit':
        this.#keep(this.units, JSON.parse(event.data) as Unit);
        break;
      case 'hub':
        this.#keep(this.hubs, JSON.parse(event.data) as Hub);
        break;
      case 'alert':
        this.#keep(this.alerts, JSON.parse(event.data) as Alert);
        break;
      case 'readings': {
        const told = JSON.parse(event.data) as Told;
        for (const watcher of this.#watchers.get(told.unit_id) ?? []) watcher.readings(told.readings ?? []);
        break;
      }
      case 'history': {
        const told = JSON.parse(event.data) as Told;
        for (const watcher of this.#watchers.get(told.unit_id) ?? []) watcher.history();
        break;
      }
      case 'reset':
        void this.load();
        break;
    }
  }

  #keep<Row extends { id: string; deleted_at?: string | null }>(map: SvelteMap<string, Row>, row: Row): void {
    if (row.deleted_at == null) map.set(row.id, row);
    else map.delete(row.id);
  }

  /** Before a hub is called silent it is asked for: perhaps the stream has nothing to tell of a hub that is well. */
  async doubt(now: number): Promise<void> {
    const quiet = [...this.hubs.values()].some((hub) => hub.is_active && hub.is_online && !isHeard(hub, now));
    if (!quiet || now - this.#askedAt < ASK_AGAIN_MS) return;
    this.#askedAt = now;
    const hubs = await everything((after) => api.GET('/api/v1/hubs', { params: { query: { limit: 1000, after } } }));
    if (hubs.ok) replace(this.hubs, hubs.value);
  }
}

function replace<Row extends { id: string; deleted_at?: string | null }>(map: SvelteMap<string, Row>, rows: Row[]): void {
  const ids = new Set(rows.map(({ id }) => id));
  for (const id of map.keys()) if (!ids.has(id)) map.delete(id);
  for (const row of rows) if (row.deleted_at == null) map.set(row.id, row);
}

export const fleet = new Fleet();
