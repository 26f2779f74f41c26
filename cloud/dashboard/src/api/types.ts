// The names under which the dashboard knows what the API gives.
import type { InheritedLimit, LimitField, Origin, RuleFields, UnitRules } from './schema';

export type {
  Alert,
  AlertSeverity,
  Command,
  CommandKind,
  CommandState,
  ConfigDocument,
  DocumentState,
  DoorEvent,
  Hub,
  HubCommand,
  HubConfiguration,
  HubConfigurationState,
  Metric,
  Problem,
  Reading,
  Role,
  RulesChange,
  Session,
  Site,
  Unit,
  UnitStatus,
  UnitType,
} from './schema';

export type Provenance = Origin;
export type Rules = UnitRules;
/** The fields that a person can change here; what else there is is shown. */
export type RuleField = Extract<
  keyof RuleFields,
  | 'temp_max_centi_c'
  | 'temp_min_centi_c'
  | 'delay_minutes'
  | 'severity'
  | 'off_delay_minutes'
  | 'hysteresis_centi'
  | 'inclusive'
  | 'expected_reading_interval_seconds'
  | 'offline_warning_missed_checkins'
  | 'offline_critical_missed_checkins'
  | 'silence_severity'
>;
/** What any field can hold. */
export type AnyValue = NonNullable<RuleFields[keyof RuleFields]>['value'] | null;
/** Any field of a rule. */
export interface AnyField {
  value?: AnyValue;
  provenance: Origin;
  source_name?: string;
  locked_by?: Origin;
}
/** What a field of any kind can hold; nothing is a limit that is not set. */
export type RuleValue = RuleFields[RuleField]['value'] | null;
/** A field of a rule, whatever it holds. */
export type ResolvedField = Omit<LimitField, 'value' | 'inherited'> & {
  value?: RuleValue;
  inherited: Omit<InheritedLimit, 'value'> & { value?: RuleValue };
};
