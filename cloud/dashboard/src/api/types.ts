// The names under which the dashboard knows what the API gives.
export type { DoorEvent, Metric, Problem, Reading, Site, Unit, UnitStatus, UnitType, AlertSeverity } from './schema';
export type {
  Alert,
  Command,
  CommandKind,
  DocumentState,
  Hub,
  HubConfiguration,
  HubDocument,
  Provenance,
  ResolvedField,
  Role,
  RuleField,
  RuleValue,
  Rules,
  RulesChange,
  Session,
} from './ahead';
