// The names under which the dashboard knows what the API gives.
export type {
  AlertSeverity,
  DoorEvent,
  Metric,
  Problem,
  Reading,
  Role,
  Session,
  Site,
  Unit,
  UnitStatus,
  UnitType,
} from './schema';
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
  RuleField,
  RuleValue,
  Rules,
  RulesChange,
} from './ahead';
