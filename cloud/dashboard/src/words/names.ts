// What things are called on the screen.
import type {
  Alert,
  CommandKind,
  CommandState,
  DocumentState,
  HubConfigurationState,
  Provenance,
  Role,
  RuleField,
  UnitType,
} from '../api/types';

export const UNIT_TYPE: Record<UnitType, string> = {
  fridge: 'Fridge',
  freezer: 'Freezer',
  display_case: 'Display case',
  walk_in_cooler: 'Walk-in cooler',
  walk_in_freezer: 'Walk-in freezer',
  blast_chiller: 'Blast chiller',
};

/** As a rule's template says it: for all of them. */
const UNIT_TYPES: Record<UnitType, string> = {
  fridge: 'fridges',
  freezer: 'freezers',
  display_case: 'display cases',
  walk_in_cooler: 'walk-in coolers',
  walk_in_freezer: 'walk-in freezers',
  blast_chiller: 'blast chillers',
};

export const ROLE: Record<Role, string> = {
  owner: 'Owner',
  admin: 'Administrator',
  manager: 'Manager',
  staff: 'Staff',
  viewer: 'Viewer',
};

/** What a person of each role may do: each what those below may, and more. */
export type Power = 'look' | 'respond' | 'configure' | 'administer';
const ORDER: readonly Role[] = ['viewer', 'staff', 'manager', 'admin', 'owner'];
const LEAST: Record<Power, Role> = { look: 'viewer', respond: 'staff', configure: 'manager', administer: 'admin' };

export function may(role: Role, power: Power): boolean {
  return ORDER.indexOf(role) >= ORDER.indexOf(LEAST[power]);
}

const CONDITION: Record<string, string> = {
  too_warm: 'Too warm',
  too_cold: 'Too cold',
  silent: 'Sensor silent',
  sensor_fault: 'Sensor fault',
};

/** What an alert is about, in two words. */
export function condition(alert: Alert): string {
  return CONDITION[alert.condition] ?? sentence(alert.condition);
}

/** `low_battery` becomes `Low battery`. */
export function sentence(code: string): string {
  const words = code.replaceAll('_', ' ');
  return words.charAt(0).toUpperCase() + words.slice(1);
}

export const FIELD: Record<RuleField, { name: string; help: string }> = {
  temp_max_centi_c: { name: 'Upper limit', help: 'Warmer than this is out of limits.' },
  temp_min_centi_c: { name: 'Lower limit', help: 'Colder than this is out of limits.' },
  inclusive: { name: 'At the limit', help: 'Whether a temperature exactly at a limit is out already.' },
  hysteresis_centi: { name: 'Back inside by', help: 'So far inside the limits it must be to count as recovered.' },
  delay_minutes: { name: 'Alarm after', help: 'Out of limits for so long, and it is an alarm.' },
  off_delay_minutes: { name: 'Recovered after', help: 'Inside the limits for so long, and the alarm clears.' },
  severity: { name: 'Urgency', help: 'How urgent a temperature alarm is.' },
  expected_reading_interval_seconds: { name: 'Reading expected every', help: 'How often its sensors measure.' },
  offline_warning_missed_checkins: { name: 'Silence warns after', help: 'So many readings missed in a row.' },
  offline_critical_missed_checkins: { name: 'Silence alarms after', help: 'So many readings missed in a row.' },
  silence_severity: { name: 'Urgency of silence', help: 'How urgent it is when nothing is heard.' },
};

/** Where a value of a rule comes from. */
export function provenance(from: Provenance, source: string | undefined, unitType: UnitType): string {
  switch (from) {
    case 'unit':
      return 'set at this unit';
    case 'area':
    case 'site':
    case 'organization':
      return source ? `from the ${from} ${source}` : `from the ${from}`;
    case 'template':
      return `from the template for ${UNIT_TYPES[unitType]}`;
    case 'system':
      return 'system default';
  }
}

export const DOCUMENT: Record<DocumentState | HubConfigurationState, string> = {
  none: 'Nothing sent yet',
  pending: 'Sent, waiting for the hub',
  applied: 'Applied at the hub',
  refused: 'Refused by the hub',
  waiting_for_confirmation: 'Waits for confirmation at the hub',
  rolled_back: 'Rolled back by the hub',
  superseded: 'A newer one came before it was applied',
};

export const COMMAND: Record<CommandKind, string> = {
  acknowledge: 'Acknowledge',
  identify: 'Identify',
  self_test: 'Self-test',
};

export const COMMAND_STATE: Record<CommandState, string> = {
  pending: 'waiting for the hub',
  received: 'the hub has it',
  done: 'done',
  refused: 'refused',
  expired: 'never reached the hub',
};

/** A measuring point by its channel: `probe1` becomes `Probe 1`; the only one is the temperature. */
export function pointName(channel: string, of: number): string {
  if (of <= 1 || channel === '') return 'Temperature';
  return sentence(channel.replace(/([a-z])(\d+)$/, '$1 $2'));
}
