// A line never runs over a time of which nobody knows anything.
import assert from 'node:assert/strict';
import test from 'node:test';
import {
  bandColumns,
  breakAtGaps,
  columns,
  gapAfter,
  gaps,
  openSpans,
  rows,
  usualInterval,
  type Sample,
} from '../src/chart/series.ts';
import { HOUR, MINUTE } from '../src/words/time.ts';

const at = (minutes: number, centi: number | null = 400, point = 'air'): Sample => ({
  at: minutes * MINUTE,
  centi,
  point,
});
const asIs = (centi: number) => centi;

test('a line breaks between two readings that are too far apart, and only there', () => {
  const broken = breakAtGaps([at(0), at(1), at(5), at(6)], 3 * MINUTE);
  assert.deepEqual(
    broken.map(({ centi }) => centi),
    [400, 400, null, 400, 400],
  );
});

test('a distance of exactly the limit is no gap', () => {
  assert.equal(breakAtGaps([at(0), at(3)], 3 * MINUTE).length, 2);
  assert.deepEqual(gaps([at(0), at(3)], 0, 3 * MINUTE, 3 * MINUTE), []);
});

test('a value that is not to be believed breaks the line and counts as nothing', () => {
  const samples = [at(0), at(1, null), at(2, null), at(4)];
  assert.deepEqual(columns(samples, ['air'], 5 * MINUTE, asIs)[1], [400, null, null, 400]);
  assert.deepEqual(gaps(samples, 0, 4 * MINUTE, 3 * MINUTE), [{ from: 0, to: 4 * MINUTE }]);
});

test('a gap at either edge is a gap, and no reading at all is one gap', () => {
  const found = gaps([at(10), at(11)], 0, 20 * MINUTE, 3 * MINUTE);
  assert.deepEqual(found, [
    { from: 0, to: 10 * MINUTE },
    { from: 11 * MINUTE, to: 20 * MINUTE },
  ]);
  assert.deepEqual(gaps([], 0, HOUR, MINUTE), [{ from: 0, to: HOUR }]);
});

test('one point that goes on does not hide that another fell silent, nor is it broken by it', () => {
  const samples = [at(0), at(0, 500, 'probe1'), at(1), at(2), at(8, 500, 'probe1'), at(9), at(10)].sort(
    (one, other) => one.at - other.at,
  );
  const [times, air, probe] = columns(samples, ['air', 'probe1'], 10 * MINUTE, asIs);
  assert.equal(times.length, 6);
  assert.ok(!air?.includes(null), 'the instants of the probe do not break the air');
  assert.ok(!probe?.includes(null), 'eight minutes are within the limit');
  const [, , broken] = columns(samples, ['air', 'probe1'], 5 * MINUTE, asIs);
  assert.ok(broken?.includes(null), 'the probe is broken where it was silent');
});

test('missing hours break the band', () => {
  const hour = (number: number) => ({ at: number * HOUR, min: 100, mean: 200, max: 300 });
  const [times, low, mean, high] = bandColumns([hour(0), hour(1), hour(3)], asIs);
  assert.equal(times.length, 4);
  for (const column of [low, mean, high]) assert.equal(column?.[2], null);
  assert.deepEqual([low?.[3], mean?.[3], high?.[3]], [100, 200, 300]);
});

test('a gap is three missed readings, and never less than three minutes', () => {
  assert.equal(gapAfter(10), 3 * MINUTE);
  assert.equal(gapAfter(300), 15 * MINUTE);
  assert.equal(gapAfter(undefined), 3 * MINUTE);
});

test('the usual interval is that of most readings, whatever the hole', () => {
  assert.equal(usualInterval([at(0), at(5), at(10), at(200), at(205)]), 5 * MINUTE);
  assert.equal(usualInterval([at(0)]), MINUTE);
});

test('a door is open from its opening to its closing, or until now', () => {
  const door = (minutes: number, open: boolean) => ({ at: minutes * MINUTE, open });
  assert.deepEqual(openSpans([door(5, false), door(10, true), door(12, false), door(20, true)], 0, 30 * MINUTE), [
    { from: 10 * MINUTE, to: 12 * MINUTE },
    { from: 20 * MINUTE, to: 30 * MINUTE },
  ]);
});

test('the table leaves no hour out, and weighs means by readings', () => {
  const portion = (hour: number, mean: number, readings: number) => ({
    at: hour * HOUR,
    min: mean - 10,
    mean,
    max: mean + 10,
    readings,
  });
  const made = rows([portion(0, 100, 1), portion(0.5, 400, 2), portion(2, 50, 1)], 0, 3 * HOUR, (hour) => `${hour / HOUR}`);
  assert.deepEqual(
    made.map(({ label, min, mean, max, readings }) => [label, min, mean, max, readings]),
    [
      ['0', 90, 300, 410, 3],
      ['1', null, null, null, 0],
      ['2', 40, 50, 60, 1],
    ],
  );
});
