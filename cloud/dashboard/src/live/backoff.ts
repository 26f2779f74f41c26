// How long to wait before the next try to reach the stream. Pure: the dice are the caller's.

const FIRST_MS = 1_000;
const MOST_MS = 30_000;

/** Twice as long after each failure, up to half a minute; `dice` in [0, 1) spreads many screens over the half of it. */
export function wait(failures: number, dice: number): number {
  const whole = Math.min(MOST_MS, FIRST_MS * 2 ** Math.min(failures, 10));
  return Math.round(whole / 2 + (whole / 2) * dice);
}
