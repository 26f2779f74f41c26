// What became of a change: from the cloud to the hub and back, in words.
import type { HubConfiguration, HubConfigurationState } from '../api/types';
import { millis } from './standing.ts';
import { moment, type Zone } from './time.ts';

export type Tone = 'nothing' | 'done' | 'waiting' | 'failed';

export const TONE: Record<HubConfigurationState, Tone> = {
  none: 'nothing',
  pending: 'waiting',
  applied: 'done',
  refused: 'failed',
  waiting_for_confirmation: 'waiting',
  rolled_back: 'failed',
};

/** The life of the newest document of a hub in one sentence. `heard`: whether the hub is heard now. */
export function life(told: HubConfiguration, heard: boolean, now: number, zone: Zone): string {
  const sent = millis(told.desired_at);
  const applied = millis(told.applied_at);
  const when = (at: number | undefined) => (at === undefined ? '' : ` ${moment(at, now, zone)}`);
  const by = told.desired_by ? ` by ${told.desired_by}` : '';
  const why = (told.reason ?? told.reason_code ?? 'no reason was given').replace(/\.$/, '');
  switch (told.state) {
    case 'none':
      return 'The hub goes by its own site document; nothing has been changed here yet.';
    case 'pending':
      return heard ? `Sent${when(sent)}${by}.` : `Made${when(sent)}${by}. The hub is not heard: it takes it as soon as it is.`;
    case 'applied':
      return by === '' ? `It goes by it since${when(applied)}.` : `Changed${by}, in force since${when(applied)}.`;
    case 'refused':
      return `It goes on with what it had: ${why}.`;
    case 'waiting_for_confirmation':
      return `Sent${when(sent)}${by}. Until somebody there confirms it, the hub goes on with what it has: ${why}.`;
    case 'rolled_back':
      return `It is back at what it had before: ${why}.`;
  }
}
