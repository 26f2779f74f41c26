// What the dashboard needs of the API and the committed document does not tell yet.
import type { Alert as ToldAlert, At, Hub as ToldHub, Problem } from './schema';

export type DocumentState = 'none' | 'pending' | 'applied' | 'refused' | 'waiting_for_confirmation' | 'rolled_back';

export interface HubConfiguration {
  hub_id: string;
  hub_name: string;
  desired_version: number | null;
  desired_at: At | null;
  desired_by: string | null;
  applied_version: number | null;
  applied_at: At | null;
  state: DocumentState;
  reason_code: string | null;
  reason: string | null;
}

export interface HubDocument {
  version: number;
  made_at: At;
  made_by: string | null;
  state: DocumentState;
  reason_code: string | null;
  reason: string | null;
  decided_at: At | null;
  changes: string[];
}

export type CommandKind = 'acknowledge' | 'identify' | 'self_test';

export interface Command {
  id: string;
  hub_id: string;
  kind: CommandKind;
  alert_id: string | null;
  state: 'pending' | 'received' | 'done' | 'refused' | 'expired';
  outcome: string | null;
  asked_at: At;
  asked_by: string | null;
  decided_at: At | null;
}

export type Provenance = 'unit' | 'area' | 'site' | 'organization' | 'template' | 'system';

export type RuleField =
  | 'temp_min_centi_c'
  | 'temp_max_centi_c'
  | 'inclusive'
  | 'hysteresis_centi'
  | 'delay_minutes'
  | 'off_delay_minutes'
  | 'severity'
  | 'expected_reading_interval_seconds'
  | 'offline_warning_missed_checkins'
  | 'offline_critical_missed_checkins'
  | 'silence_severity';

export type RuleValue = number | boolean | string | null;

export interface ResolvedField {
  value: RuleValue;
  provenance: Provenance;
  source_name?: string | null;
  inherited: { value: RuleValue; provenance: Provenance; source_name?: string | null };
}

export interface Rules {
  unit_id: string;
  unit_name: string;
  unit_type: string;
  fields: Record<RuleField, ResolvedField>;
  hard_limits: { min_centi_c: number | null; max_centi_c: number | null };
  configuration: HubConfiguration[];
}

export type RulesChange = Partial<Record<RuleField, RuleValue | 'off'>>;

export type Alert = ToldAlert & {
  pending_acknowledgement?: { command_id: string; asked_by: string | null; asked_at: At } | null;
};

export type Hub = ToldHub & { configuration?: HubConfiguration };

type Answer<Body, Status extends number = 200> = {
  responses: Record<Status, { headers: Record<string, unknown>; content: { 'application/json': Body } }> & {
    default: { headers: Record<string, unknown>; content: { 'application/problem+json': Problem } };
  };
};
type Of<Name extends string> = { query?: never; header?: never; path: Record<Name, string>; cookie?: never };
type Paged<Name extends string> = {
  query?: { limit?: number; after?: string };
  header?: never;
  path: Record<Name, string>;
  cookie?: never;
};
type Body<Told> = { requestBody: { content: { 'application/json': Told } } };

export interface AheadPaths {
  '/api/v1/units/{unit}/rules': {
    parameters: Of<'unit'>;
    get: Answer<Rules> & { parameters: Of<'unit'> };
    patch: Answer<Rules> & Body<RulesChange> & { parameters: Of<'unit'> };
  };
  '/api/v1/alerts/{alert}/acknowledge': {
    parameters: Of<'alert'>;
    post: Answer<Command, 202> & { parameters: Of<'alert'> };
  };
  '/api/v1/hubs/{hub}/commands': {
    parameters: Of<'hub'>;
    get: Answer<{ items: Command[]; next?: string }> & { parameters: Paged<'hub'> };
    post: Answer<Command, 202> & Body<{ kind: 'identify' | 'self_test' }> & { parameters: Of<'hub'> };
  };
  '/api/v1/hubs/{hub}/configuration': {
    parameters: Of<'hub'>;
    get: Answer<{ items: HubDocument[]; next?: string }> & { parameters: Paged<'hub'> };
  };
  '/api/v1/commands/{command}': {
    parameters: Of<'command'>;
    get: Answer<Command> & { parameters: Of<'command'> };
  };
}
