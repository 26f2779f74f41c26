// Temperatures between the wire (integers of 0.01 °C) and people (°C or °F, as each prefers).
//
// What a person types comes back to him as he typed it: °C with at most two decimals, °F with at most one, for a tenth
// of a degree Fahrenheit is more than five hundredths of a degree Celsius, so rounding to those loses nothing.

export type TempUnit = 'C' | 'F';

/** A point on the scale, or a distance between two points: 5 °C are 41 °F, but 5 °C warmer is 9 °F warmer. */
export type Quantity = 'temperature' | 'difference';

const DECIMALS: Record<TempUnit, number> = { C: 2, F: 1 };

/** Typed figures beyond this are slips, whatever the unit. */
const DEGREES_MAX = 1000;

/** In degrees of the person's unit, not rounded. For charts. */
export function degrees(centi: number, unit: TempUnit, quantity: Quantity = 'temperature'): number {
  if (unit === 'C') return centi / 100;
  return (centi * 9) / 500 + (quantity === 'temperature' ? 32 : 0);
}

/** From degrees of the person's unit. */
export function centi(degrees: number, unit: TempUnit, quantity: Quantity = 'temperature'): number {
  if (unit === 'C') return Math.round(degrees * 100);
  return Math.round(((degrees - (quantity === 'temperature' ? 32 : 0)) * 500) / 9);
}

function withMinus(text: string): string {
  return text.startsWith('-') ? `\u2212${text.slice(1)}` : text;
}

/** Rounded without a negative zero. */
function fixed(value: number, decimals: number): string {
  const text = value.toFixed(decimals);
  return Number(text) === 0 ? (0).toFixed(decimals) : text;
}

/** A figure to look at: one decimal, a true minus, no unit. */
export function figure(centi: number, unit: TempUnit, quantity: Quantity = 'temperature'): string {
  return withMinus(fixed(degrees(centi, unit, quantity), 1));
}

/** A figure with its unit: `−18.0 °C`. */
export function temperature(centi: number, unit: TempUnit, quantity: Quantity = 'temperature'): string {
  return `${figure(centi, unit, quantity)}\u00a0°${unit}`;
}

/** A rule's value with all the decimals that it has, but no idle zeros: `5 °C`, `−18.25 °C`. */
export function exact(centi: number, unit: TempUnit, quantity: Quantity = 'temperature'): string {
  return `${withMinus(typed(centi, unit, quantity))}\u00a0°${unit}`;
}

/** What stands in an input: as a person would type it. */
export function typed(centi: number, unit: TempUnit, quantity: Quantity = 'temperature'): string {
  return String(Number(fixed(degrees(centi, unit, quantity), DECIMALS[unit])));
}

export type Typed = { ok: true; centi: number } | { ok: false; fault: string };

/** Reads what a person typed: a point or a comma, any dash as a minus. */
export function read(text: string, unit: TempUnit, quantity: Quantity = 'temperature'): Typed {
  const tidy = text.trim().replace(/[\u2212\u2013\u2014]/g, '-').replace(',', '.');
  if (tidy === '') return { ok: false, fault: 'Type a number.' };
  if (!/^[+-]?(?:\d+(?:\.\d*)?|\.\d+)$/.test(tidy)) return { ok: false, fault: `“${text.trim()}” is not a number.` };
  const decimals = (tidy.split('.')[1] ?? '').replace(/0+$/, '').length;
  if (decimals > DECIMALS[unit]) {
    const most = DECIMALS[unit] === 1 ? 'one decimal' : 'two decimals';
    return { ok: false, fault: `At most ${most} in °${unit}.` };
  }
  const degrees = Number(tidy);
  if (Math.abs(degrees) > DEGREES_MAX) return { ok: false, fault: 'That is far outside any refrigeration.' };
  if (quantity === 'difference' && degrees < 0) return { ok: false, fault: 'A difference cannot be negative.' };
  return { ok: true, centi: centi(degrees, unit, quantity) };
}
