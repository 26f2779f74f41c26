// What a person typed comes back as he typed it, in either unit.
import assert from 'node:assert/strict';
import test from 'node:test';
import { degrees, exact, figure, read, temperature, typed, type TempUnit } from '../src/words/temperature.ts';

function roundTrip(text: string, unit: TempUnit, quantity: 'temperature' | 'difference' = 'temperature'): string {
  const got = read(text, unit, quantity);
  assert.ok(got.ok, `${text} °${unit} is read`);
  assert.ok(Number.isInteger(got.centi), `${text} °${unit} becomes whole hundredths`);
  return typed(got.centi, unit, quantity);
}

test('every tenth of a degree Fahrenheit comes back the same', () => {
  for (let tenths = -1000; tenths <= 3000; tenths += 1) {
    const text = String(tenths / 10);
    assert.equal(roundTrip(text, 'F'), text);
  }
});

test('every hundredth of a degree Celsius comes back the same', () => {
  for (let hundredths = -6000; hundredths <= 12_000; hundredths += 1) {
    const text = String(hundredths / 100);
    assert.equal(roundTrip(text, 'C'), text);
  }
});

test('differences come back the same and have no 32 in them', () => {
  for (let tenths = 0; tenths <= 300; tenths += 1) {
    assert.equal(roundTrip(String(tenths / 10), 'F', 'difference'), String(tenths / 10));
  }
  assert.equal(degrees(500, 'F', 'difference'), 9);
  assert.equal(degrees(500, 'F'), 41);
});

test('known pairs of the two scales meet', () => {
  for (const [celsius, fahrenheit] of [[0, 32], [100, 212], [-40, -40], [-18, -0.4], [5, 41]] as const) {
    assert.ok(Math.abs(degrees(celsius * 100, 'F') - fahrenheit) < 1e-9);
    const got = read(String(fahrenheit), 'F');
    assert.ok(got.ok);
    assert.equal(got.centi, celsius * 100);
  }
});

test('a comma and every kind of minus are read', () => {
  for (const text of ['-18,5', '\u221218.5', '\u201318.5', ' -18.50 ']) {
    assert.deepEqual(read(text, 'C'), { ok: true, centi: -1850 });
  }
});

test('what is no temperature is refused in words', () => {
  for (const text of ['', '  ', 'cold', '1.2.3', '4 °C', '--4', 'Infinity', '1e3', '5.123', '4000']) {
    const got = read(text, 'C');
    assert.ok(!got.ok && got.fault.length > 5, text);
  }
  assert.ok(!read('41.25', 'F').ok, 'two decimals of °F would not come back');
  assert.ok(!read('-1', 'C', 'difference').ok, 'a negative difference');
});

test('figures carry a true minus, one decimal and no negative zero', () => {
  assert.equal(figure(-1804, 'C'), '\u221218.0');
  assert.equal(figure(-3, 'C'), '0.0');
  assert.equal(temperature(-1778, 'F'), '0.0\u00a0°F');
  assert.equal(exact(-1825, 'C'), '\u221218.25\u00a0°C');
  assert.equal(exact(500, 'C'), '5\u00a0°C');
});
