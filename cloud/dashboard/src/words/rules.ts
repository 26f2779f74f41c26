// A rule's values as people read and type them.
import type { AlertSeverity, AnyValue, RuleField, RuleValue, Rules } from '../api/types';
import { exact, read, typed, type TempUnit } from './temperature.ts';
import { count } from './count.ts';
import { span } from './time.ts';
import { sentence } from './names.ts';

export type Input =
  | { kind: 'temperature'; quantity: 'temperature' | 'difference' }
  | { kind: 'whole'; unit: string; least: number; most: number }
  | { kind: 'choice'; options: { value: string; word: string }[] };

const SEVERITIES = ['info', 'warning', 'critical'].map((value) => ({ value, word: sentence(value) }));

export const INPUT: Record<RuleField, Input> = {
  temp_max_centi_c: { kind: 'temperature', quantity: 'temperature' },
  temp_min_centi_c: { kind: 'temperature', quantity: 'temperature' },
  inclusive: {
    kind: 'choice',
    options: [
      { value: 'false', word: 'is still inside' },
      { value: 'true', word: 'is out already' },
    ],
  },
  hysteresis_centi: { kind: 'temperature', quantity: 'difference' },
  delay_minutes: { kind: 'whole', unit: 'min', least: 0, most: 10_080 },
  off_delay_minutes: { kind: 'whole', unit: 'min', least: 0, most: 10_080 },
  severity: { kind: 'choice', options: SEVERITIES },
  expected_reading_interval_seconds: { kind: 'whole', unit: 's', least: 60, most: 604_800 },
  offline_warning_missed_checkins: { kind: 'whole', unit: 'readings', least: 1, most: 1000 },
  offline_critical_missed_checkins: { kind: 'whole', unit: 'readings', least: 1, most: 1000 },
  silence_severity: { kind: 'choice', options: SEVERITIES },
};

export function isLimit(field: RuleField): boolean {
  return field === 'temp_min_centi_c' || field === 'temp_max_centi_c';
}

/** A value to look at. */
export function shown(field: RuleField, value: RuleValue | undefined, unit: TempUnit): string {
  if (value == null) return isLimit(field) ? 'No limit' : 'Not set';
  const input = INPUT[field];
  if (input.kind === 'temperature') return exact(Number(value), unit, input.quantity);
  if (input.kind === 'choice') return input.options.find((option) => option.value === String(value))?.word ?? String(value);
  if (input.unit === 'readings') return count(Number(value), 'missed', 'missed');
  return span(Number(value) * (input.unit === 'min' ? 60_000 : 1000));
}

const DAYS = ['Sun', 'Mon', 'Tue', 'Wed', 'Thu', 'Fri', 'Sat'];

/** A value of any field to look at, by what its name says of it. */
export function plainly(name: string, value: AnyValue | undefined, unit: TempUnit): string {
  if (value == null) return 'None';
  if (typeof value === 'boolean') return value ? 'Yes' : 'No';
  if (typeof value === 'string') return sentence(value);
  if (Array.isArray(value)) return value.length === 0 ? 'None' : value.join(', ');
  if (typeof value === 'object') {
    return `${value.days.map((day) => DAYS[day]).join(' ')}, ${value.start_hour}–${value.end_hour} h`;
  }
  if (/_(min|max)_centi_c$/.test(name)) return exact(value, unit);
  if (/_centi(_c|$)/.test(name)) return exact(value, unit, 'difference') + (name.endsWith('per_minute') ? ' a minute' : '');
  if (name.endsWith('_minutes') || name.endsWith('_minutes_per_day')) return span(value * 60_000);
  if (name.endsWith('_seconds')) return span(value * 1000);
  if (name.endsWith('_hours')) return span(value * 3_600_000);
  if (name.endsWith('_days')) return count(value, 'day', 'days');
  return name.endsWith('_percent') ? `${value}\u00a0%` : String(value);
}

/** The name of any field, without the unit that its value shows. */
export function plainName(name: string): string {
  return sentence(name.replace(/(_centi)?(_c)?$/, '').replace(/_centi_c_per_minute$/, '').replace(/_(minutes|seconds|hours|days|percent)$/, ''));
}

/** A value as it stands in its input. */
export function asTyped(field: RuleField, value: RuleValue | undefined, unit: TempUnit): string {
  if (value == null) return '';
  const input = INPUT[field];
  return input.kind === 'temperature' ? typed(Number(value), unit, input.quantity) : String(value);
}

export type Read = { ok: true; value: RuleValue; notice?: string } | { ok: false; fault: string };

/** What a person typed as the value for the wire, or what is wrong with it in his own unit. */
export function readField(field: RuleField, text: string, unit: TempUnit, rules: Rules): Read {
  const input = INPUT[field];
  if (input.kind === 'choice') return { ok: true, value: field === 'inclusive' ? text === 'true' : (text as AlertSeverity) };
  if (input.kind === 'temperature') {
    const got = read(text, unit, input.quantity);
    if (!got.ok) return got;
    return isLimit(field) ? checkLimit(field, got.centi, unit, rules) : { ok: true, value: got.centi };
  }
  const tidy = text.trim();
  if (!/^\d+$/.test(tidy)) return { ok: false, fault: 'Type a whole number.' };
  const value = Number(tidy);
  if (value < input.least || value > input.most) {
    return { ok: false, fault: `From ${input.least} to ${input.most} ${input.unit}.` };
  }
  return { ok: true, value };
}

/** The two limits must leave room between them; beyond the template's own limits somebody at the hub must agree. */
function checkLimit(field: RuleField, centi: number, unit: TempUnit, rules: Rules): Read {
  const other = rules.fields[field === 'temp_max_centi_c' ? 'temp_min_centi_c' : 'temp_max_centi_c'].value;
  if (typeof other === 'number' && field === 'temp_max_centi_c' && centi <= other) {
    return { ok: false, fault: `Must be above the lower limit, ${exact(other, unit)}.` };
  }
  if (typeof other === 'number' && field === 'temp_min_centi_c' && centi >= other) {
    return { ok: false, fault: `Must be below the upper limit, ${exact(other, unit)}.` };
  }
  const { min_centi_c: least, max_centi_c: most } = rules.hard_limits;
  const beyond = centi > most ? most : centi < least ? least : undefined;
  if (beyond === undefined) return { ok: true, value: centi };
  return {
    ok: true,
    value: centi,
    notice: `Beyond ${exact(beyond, unit)}, the most that its template allows: somebody at the hub must confirm it.`,
  };
}
