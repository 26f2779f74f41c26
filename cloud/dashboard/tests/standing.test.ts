// The worst comes first, and what nobody refreshes is never shown as well.
import assert from 'node:assert/strict';
import test from 'node:test';
import type { Alert, Hub, Unit, UnitStatus } from '../src/api/types';
import { byUrgency, isOpen, wantsAnswer } from '../src/words/alerts.ts';
import { may } from '../src/words/names.ts';
import { bySeverity, standing } from '../src/words/standing.ts';
import { MINUTE } from '../src/words/time.ts';

const NOW = Date.parse('2026-11-23T12:00:00.000Z');
const ago = (ms: number) => new Date(NOW - ms).toISOString();

function unit(name: string, status: UnitStatus | null, more: Partial<Unit> = {}): Unit {
  const known = status === null ? {} : { status_at: ago(MINUTE), last_reading_at: ago(10_000), temperature_centi_c: 400 };
  return { id: name, name, site_id: 'site', status, ...known, ...more } as Unit;
}
const hub = (heardMsAgo: number) => ({ id: 'hub', site_id: 'site', last_seen_at: ago(heardMsAgo) }) as Hub;
const kinds = (units: Unit[], hubs: Hub[]) =>
  units
    .map((unit) => ({ unit, standing: standing(unit, hubs, NOW) }))
    .sort(bySeverity)
    .map(({ unit, standing }) => `${unit.name} ${standing.kind}`);

test('alarm, excursion and silence come first, the rest by how much it wants', () => {
  const units = [
    unit('a', 'ok'),
    unit('b', null),
    unit('c', 'restoring'),
    unit('d', 'manual_required'),
    unit('e', 'monitoring_interrupted'),
    unit('f', 'excursion'),
    unit('g', 'alarm_active'),
  ];
  assert.deepEqual(kinds(units, [hub(1000)]), [
    'g alarm',
    'f excursion',
    'e silent',
    'd manual',
    'c restoring',
    'b unknown',
    'a ok',
  ]);
});

test('of one severity the names are in the order in which people count', () => {
  const units = [unit('Fridge 10', 'ok'), unit('Fridge 2', 'ok'), unit('fridge 1', 'ok')];
  assert.deepEqual(kinds(units, []), ['fridge 1 ok', 'Fridge 2 ok', 'Fridge 10 ok']);
});

test('when no hub of the site is heard nothing is well, and an alarm stays an alarm', () => {
  const units = [unit('a', 'ok'), unit('b', 'alarm_active'), unit('c', 'excursion')];
  assert.deepEqual(kinds(units, [hub(3 * MINUTE)]), ['b alarm', 'c excursion', 'a unheard']);
  assert.equal(standing(unit('a', 'ok'), [hub(3 * MINUTE), hub(1000)], NOW).kind, 'ok', 'one of two hubs is heard');
});

test('the newer of record and live word is shown', () => {
  const live = { live_status: 'excursion', live_temperature_centi_c: 900, live_at: ago(1000) } as const;
  const newer = standing(unit('a', 'ok', live), [hub(1000)], NOW);
  assert.deepEqual([newer.kind, newer.centi], ['excursion', 900]);
  const older = standing(unit('a', 'ok', { ...live, live_at: ago(5 * MINUTE) }), [hub(1000)], NOW);
  assert.deepEqual([older.kind, older.centi], ['ok', 400]);
});

const alert = (id: string, more: Partial<Alert>) =>
  ({ id, severity: 'critical', status: 'active', triggered_at: ago(MINUTE), ...more }) as Alert;

test('an alert is open until it is over and seen', () => {
  assert.ok(isOpen(alert('a', {})));
  assert.ok(isOpen(alert('a', { cleared_at: ago(1) })), 'over, but nobody has seen it');
  assert.ok(isOpen(alert('a', { acknowledged_at: ago(1) })), 'seen, but not over');
  assert.ok(!isOpen(alert('a', { acknowledged_at: ago(1), cleared_at: ago(1) })));
  assert.ok(!isOpen(alert('a', { resolved_at: ago(1) })));
});

test('an acknowledgement on its way wants no second one', () => {
  assert.ok(wantsAnswer(alert('a', {})));
  const pending = { command_id: 'c', asked_by: null, asked_at: ago(1) };
  assert.ok(!wantsAnswer(alert('a', { pending_acknowledgement: pending })));
});

test('alerts come unanswered first, then by urgency, then what still lasts, then the newest', () => {
  const alerts = [
    alert('answered', { acknowledged_at: ago(1) }),
    alert('over', { cleared_at: ago(1) }),
    alert('warning', { severity: 'warning' }),
    alert('old', { triggered_at: ago(9 * MINUTE) }),
    alert('new', {}),
  ];
  assert.deepEqual(
    alerts.sort(byUrgency).map(({ id }) => id),
    ['new', 'old', 'over', 'warning', 'answered'],
  );
});

test('a role may what those below it may, and no more', () => {
  assert.deepEqual(
    (['viewer', 'staff', 'manager', 'admin', 'owner'] as const).map((role) =>
      (['look', 'respond', 'configure', 'administer'] as const).filter((power) => may(role, power)).length,
    ),
    [1, 2, 3, 4, 4],
  );
});
