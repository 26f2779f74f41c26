// How a hub is, in words.
import type { Hub } from '../api/types';
import { count } from './count.ts';
import { isHeard, lastHeard } from './standing.ts';
import { span } from './time.ts';

/** Fewer than these are on their way at any moment. */
const BACKLOG_WORTH_SAYING = 200;

export interface Backlog {
  readings: number;
  events: number;
}

/** What waited at the hub when it last said so. */
export function backlog(hub: Hub): Backlog {
  return { readings: hub.live?.readings_waiting ?? 0, events: hub.live?.events_waiting ?? 0 };
}

export interface Trouble {
  kind: 'unheard' | 'lagging';
  what: string;
  so: string;
}

/** What people must know of a hub before they believe what is shown of its site; nothing if all is well. */
export function trouble(hub: Hub, now: number, named: boolean): Trouble | undefined {
  const whose = named ? `${hub.site_name}’s hub ${hub.name}` : `${hub.site_name}’s hub`;
  const { readings, events } = backlog(hub);
  const waiting = readings > 0 ? count(readings, 'reading') : count(events, 'event');
  if (!isHeard(hub, now)) {
    const heard = lastHeard(hub);
    const what = heard === undefined ? `${whose} has never been heard.` : `${whose} has not been heard for ${span(now - heard)}.`;
    const more = readings + events > 0 ? ` ${waiting} waited there at its last word.` : '';
    return { kind: 'unheard', what, so: `What is shown is old.${more} It goes on guarding by itself.` };
  }
  if (readings + events < BACKLOG_WORTH_SAYING) return undefined;
  return {
    kind: 'lagging',
    what: `${whose} is catching up.`,
    so: `${waiting} still to come: present values are shown, charts and times of alerts are not complete yet.`,
  };
}
