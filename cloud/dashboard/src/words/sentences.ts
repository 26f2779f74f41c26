// How a unit is, in whole sentences: for its card, its page, and whoever hears the page read out.
import type { Alert, Unit } from '../api/types';
import { UNIT_TYPE } from './names.ts';
import { exact, temperature, type TempUnit } from './temperature.ts';
import { millis, type Standing } from './standing.ts';
import { span } from './time.ts';

/** The limits: `0 to 5 °C`, `up to −18 °C`, or that there are none, which is never left unsaid. */
export function limits(unit: Unit, scale: TempUnit): string {
  const { temp_min_centi_c: min, temp_max_centi_c: max } = unit;
  if (min != null && max != null) {
    const least = exact(min, scale).replace(/\u00a0°.$/, '');
    return `${least} to ${exact(max, scale)}`;
  }
  if (max != null) return `up to ${exact(max, scale)}`;
  if (min != null) return `from ${exact(min, scale)}`;
  return 'no limits set';
}

/** Where it is and what, unless its name says what already. */
export function where(unit: Unit): string {
  const type = UNIT_TYPE[unit.unit_type];
  return unit.name.toLowerCase().includes(type.toLowerCase()) ? unit.area_name : `${unit.area_name} · ${type}`;
}

export function hasLimits(unit: Unit): boolean {
  return unit.temp_min_centi_c != null || unit.temp_max_centi_c != null;
}

/** By how much it is out: `4.4 °C above the limit`. Nothing if it is not, or nobody knows. */
export function outBy(unit: Unit, standing: Standing, scale: TempUnit): string | undefined {
  const { temp_min_centi_c: min, temp_max_centi_c: max } = unit;
  if (standing.centi === undefined) return undefined;
  if (max != null && standing.centi > max) {
    return `${temperature(standing.centi - max, scale, 'difference')} above the limit`;
  }
  if (min != null && standing.centi < min) {
    return `${temperature(min - standing.centi, scale, 'difference')} below the limit`;
  }
  return undefined;
}

const ALARM: Record<string, string> = {
  too_warm: 'Too warm',
  too_cold: 'Too cold',
  silent: 'Nothing heard from its sensor',
  sensor_fault: 'Its sensor is faulty',
};

/** In one sentence how it is now. `alert` is its most urgent open one. */
export function howItIs(unit: Unit, standing: Standing, alert: Alert | undefined, now: number, scale: TempUnit): string {
  const since = standing.since === undefined ? '' : ` for ${span(now - standing.since)}`;
  const out = outBy(unit, standing, scale);
  switch (standing.kind) {
    case 'alarm': {
      const raised = millis(alert?.triggered_at);
      const what = (alert && ALARM[alert.condition]) ?? 'An alarm is on';
      const long = raised === undefined ? since : `, in alarm for ${span(now - raised)}`;
      return `${what}${out === undefined ? '' : `, ${out}`}${long}.`;
    }
    case 'excursion':
      return `Out of its limits${since}${out === undefined ? '' : `, ${out}`}.`;
    case 'silent':
      return `Nothing has been heard from its sensor${since}. Nobody knows its temperature.`;
    case 'unheard': {
      const age = standing.at === undefined ? '' : `: its last value is ${span(now - standing.at)} old`;
      return `Its hub is not heard${age}. The hub goes on guarding by itself.`;
    }
    case 'manual':
      return 'It must be read by hand until its sensor is back.';
    case 'restoring':
      return `Back inside its limits${since}; it is watched until it stays there.`;
    case 'unknown':
      return 'Nothing has been recorded of it yet.';
    case 'ok':
      return hasLimits(unit) ? `Inside its limits, ${limits(unit, scale)}.` : 'Measured, but it has no limits to be held against.';
  }
}
