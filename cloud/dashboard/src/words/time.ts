// Times and spans in words. Nothing here reads a clock: whoever asks says what time it is.

export const SECOND = 1000;
export const MINUTE = 60 * SECOND;
export const HOUR = 60 * MINUTE;
export const DAY = 24 * HOUR;

/** How long, in the largest unit that says it and one more where that matters: `45 s`, `12 min`, `3 h 05 min`. */
export function span(ms: number): string {
  const whole = Math.max(0, ms);
  if (whole < MINUTE) return `${Math.floor(whole / SECOND)}\u00a0s`;
  if (whole < HOUR) return `${Math.floor(whole / MINUTE)}\u00a0min`;
  if (whole < DAY) {
    const minutes = Math.floor((whole % HOUR) / MINUTE);
    const hours = `${Math.floor(whole / HOUR)}\u00a0h`;
    return minutes === 0 ? hours : `${hours}\u00a0${String(minutes).padStart(2, '0')}\u00a0min`;
  }
  const days = Math.floor(whole / DAY);
  const hours = Math.floor((whole % DAY) / HOUR);
  const told = days === 1 ? '1\u00a0day' : `${days}\u00a0days`;
  return hours === 0 || days >= 7 ? told : `${told} ${hours}\u00a0h`;
}

/** How long ago, for the age of a value. */
export function ago(then: number, now: number): string {
  const passed = now - then;
  if (passed < 2 * SECOND) return 'now';
  return `${span(passed)} ago`;
}

export type Zone = string | undefined;

const formats = new Map<string, Intl.DateTimeFormat>();

function format(name: string, zone: Zone, options: Intl.DateTimeFormatOptions): Intl.DateTimeFormat {
  const key = `${name} ${zone ?? ''}`;
  let made = formats.get(key);
  if (made === undefined) {
    made = new Intl.DateTimeFormat('en-GB', { ...options, timeZone: zone });
    formats.set(key, made);
  }
  return made;
}

/** The day of a time in a zone, as a text that equals that of another time of the same day. */
function day(at: number, zone: Zone): string {
  return format('day', zone, { year: 'numeric', month: '2-digit', day: '2-digit' }).format(at);
}

/** `14:03` today, `yesterday 14:03`, else `12 Nov, 14:03`; with the year if it is another one. */
export function moment(at: number, now: number, zone: Zone): string {
  const clock = format('clock', zone, { hour: '2-digit', minute: '2-digit' }).format(at);
  if (day(at, zone) === day(now, zone)) return clock;
  if (day(at, zone) === day(now - DAY, zone)) return `yesterday ${clock}`;
  const sameYear = day(at, zone).slice(-4) === day(now, zone).slice(-4);
  const date = sameYear
    ? format('date', zone, { day: 'numeric', month: 'short' })
    : format('dated', zone, { day: 'numeric', month: 'short', year: 'numeric' });
  return `${date.format(at)}, ${clock}`;
}

/** To the second, for what must be told apart: `14:03:07`. */
export function precise(at: number, zone: Zone): string {
  return format('precise', zone, { hour: '2-digit', minute: '2-digit', second: '2-digit' }).format(at);
}

/** Weekday, day and clock, for what the pointer rests on in a chart. */
export function full(at: number, zone: Zone): string {
  return format('full', zone, {
    weekday: 'short',
    day: 'numeric',
    month: 'short',
    hour: '2-digit',
    minute: '2-digit',
  }).format(at);
}

/** The day alone, for the rows of a table. */
export function date(at: number, zone: Zone): string {
  return format('weekday', zone, { weekday: 'short', day: 'numeric', month: 'short' }).format(at);
}

/** The zone's own word for itself, if it is not the one that the person lives in; else nothing. */
export function foreignZone(zone: Zone, own: string): string | undefined {
  return zone === undefined || zone === own ? undefined : zone.replaceAll('_', ' ');
}
