// How a unit stands, for people: one word, one shape, one place in the order. Decided from what the cloud holds of the
// unit and whether its hub is heard, for a value that nobody refreshes is not a present value, however good it looks.
//
// Lost data never makes a standing better: an alarm whose hub falls silent stays an alarm.
import type { Hub, Unit, UnitStatus } from '../api/types';

/** The worst first: this is the order of every list. */
export const KINDS = ['alarm', 'excursion', 'silent', 'unheard', 'manual', 'restoring', 'unknown', 'ok'] as const;
export type Kind = (typeof KINDS)[number];

export const WORD: Record<Kind, string> = {
  alarm: 'Alarm',
  excursion: 'Out of limits',
  silent: 'Sensor silent',
  unheard: 'Hub not heard',
  manual: 'Read by hand',
  restoring: 'Recovering',
  unknown: 'No data yet',
  ok: 'OK',
};

const OF_STATUS: Record<UnitStatus, Kind> = {
  alarm_active: 'alarm',
  excursion: 'excursion',
  monitoring_interrupted: 'silent',
  offline: 'silent',
  manual_required: 'manual',
  restoring: 'restoring',
  ok: 'ok',
};

/** A hub that was not heard for so long is offline, and so is all that it guards. */
export const HUB_SILENT_AFTER_MS = 120_000;

export interface Standing {
  kind: Kind;
  /** Since when, if the record says. */
  since?: number;
  /** The latest temperature known, in 0.01 °C. */
  centi?: number;
  /** When that was. */
  at?: number;
  /** Nobody refreshes it now: it is the last that was known. */
  old: boolean;
}

export function millis(at: string | null | undefined): number | undefined {
  return at == null ? undefined : Date.parse(at);
}

/** When a hub was last heard, by whichever of its words came last. */
export function lastHeard(hub: Hub): number | undefined {
  const times = [millis(hub.last_seen_at), millis(hub.live?.received_at)].filter((at) => at !== undefined);
  return times.length === 0 ? undefined : Math.max(...times);
}

export function isHeard(hub: Hub, now: number): boolean {
  const heard = lastHeard(hub);
  return heard !== undefined && now - heard < HUB_SILENT_AFTER_MS;
}

/** How a unit stands at `now`. `hubs` are those of its site. */
export function standing(unit: Unit, hubs: readonly Hub[], now: number): Standing {
  const recordAt = millis(unit.last_reading_at);
  const liveAt = millis(unit.live_at);
  const statusAt = millis(unit.status_at);
  const liveIsNewer = liveAt !== undefined && liveAt >= (recordAt ?? -Infinity);
  const live = liveIsNewer && unit.live_temperature_centi_c != null;
  const centi = (live ? unit.live_temperature_centi_c : unit.temperature_centi_c) ?? undefined;
  const at = live ? liveAt : recordAt;
  const liveRules = unit.live_status != null && liveAt !== undefined && liveAt >= (statusAt ?? -Infinity);
  const status = liveRules ? unit.live_status : unit.status;
  const told: Kind = status == null ? 'unknown' : OF_STATUS[status];
  const old = hubs.length > 0 && !hubs.some((hub) => isHeard(hub, now));
  const kind = old && rank(told) > rank('unheard') ? 'unheard' : told;
  const since = kind === told && status === unit.status ? statusAt : undefined;
  return { kind, since, centi, at, old };
}

/** The place of a kind in the order: 0 is the worst. */
export function rank(kind: Kind): number {
  return KINDS.indexOf(kind);
}

/** The worst first, then by name as people count (`Fridge 2` before `Fridge 10`). */
export function bySeverity(
  one: { standing: Standing; unit: Unit },
  other: { standing: Standing; unit: Unit },
): number {
  const worse = rank(one.standing.kind) - rank(other.standing.kind);
  return worse !== 0 ? worse : byName(one.unit, other.unit);
}

const names = new Intl.Collator('en', { numeric: true, sensitivity: 'base' });

export function byName(one: { name: string }, other: { name: string }): number {
  return names.compare(one.name, other.name);
}
