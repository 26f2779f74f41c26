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
export type RuleField = keyof RuleFields;
/** What a field of any kind can hold; nothing is a limit that is not set. */
export type RuleValue = RuleFields[RuleField]['value'] | null;
/** A field of a rule, whatever it holds. */
export type ResolvedField = Omit<LimitField, 'value' | 'inherited'> & {
  value?: RuleValue;
  inherited: Omit<InheritedLimit, 'value'> & { value?: RuleValue };
};
