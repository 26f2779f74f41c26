// The stream is read whole however it is cut, and tried again ever more slowly.
import assert from 'node:assert/strict';
import test from 'node:test';
import { wait } from '../src/live/backoff.ts';
import { EventReader } from '../src/live/events.ts';
import { ago, moment, span } from '../src/words/time.ts';

const TEXT = ': hello there\n\nevent: unit\ndata: {"id":1}\n\ndata: one\ndata: two\r\n\r\nid: 7\n\nevent: reset\r\ndata\r\n\r\n';
const EVENTS = [
  { name: 'unit', data: '{"id":1}' },
  { name: 'message', data: 'one\ntwo' },
  { name: 'reset', data: '' },
];

test('events come out whole wherever the stream is cut', () => {
  for (let cut = 0; cut <= TEXT.length; cut += 1) {
    const reader = new EventReader();
    assert.deepEqual([...reader.take(TEXT.slice(0, cut)), ...reader.take(TEXT.slice(cut))], EVENTS, `cut at ${cut}`);
  }
  const reader = new EventReader();
  assert.deepEqual(
    [...TEXT].flatMap((letter) => reader.take(letter)),
    EVENTS,
  );
});

test('tries come ever more slowly, within half a minute, and not all screens at once', () => {
  assert.deepEqual([0, 1, 2, 3].map((failures) => wait(failures, 0)), [500, 1000, 2000, 4000]);
  assert.equal(wait(50, 0.999_999), 30_000);
  assert.ok(wait(9, 0) < wait(9, 0.9));
});

test('spans are said in the largest unit that tells them', () => {
  const said = [0, 59_999, 60_000, 3_600_000, 3_900_000, 90_000_000, 864_000_000].map((ms) => span(ms).replaceAll('\u00a0', ' '));
  assert.deepEqual(said, ['0 s', '59 s', '1 min', '1 h', '1 h 05 min', '1 day 1 h', '10 days']);
  assert.equal(ago(0, 1_000), 'now');
});

test('a moment is told in the time of its site', () => {
  const now = Date.parse('2026-11-23T23:30:00Z');
  assert.equal(moment(now - 60_000, now, 'Europe/Berlin'), '00:29');
  assert.equal(moment(now - 3_600_000, now, 'Europe/Berlin'), 'yesterday 23:30');
  assert.equal(moment(now - 3_600_000, now, 'UTC'), '22:30');
  assert.equal(moment(Date.parse('2025-02-03T10:00:00Z'), now, 'UTC'), '3 Feb 2025, 10:00');
});
