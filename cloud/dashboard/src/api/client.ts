// The one way to the API: a client whose paths, parameters and answers are those of the committed document.
//
// An answer is a value or a fault in words for people; nothing is thrown. A session that ended is told to whoever
// listens, once for all requests that meet it.
import createClient, { type Middleware } from 'openapi-fetch';
import type { paths } from './schema';
import type { Problem } from './types';

const listeners = new Set<() => void>();

/** Calls `heard` whenever a request meets the end of the session. */
export function onSessionEnd(heard: () => void): void {
  listeners.add(heard);
}

const watchSession: Middleware = {
  onResponse({ response, schemaPath }) {
    if (response.status === 401 && schemaPath !== '/api/v1/session') for (const heard of listeners) heard();
  },
};

export const api = createClient<paths>();
api.use(watchSession);

/** Why something did not come. Status 0: the cloud was not reached. */
export interface Fault {
  status: number;
  words: string;
  problem?: Problem;
  retryAfterSeconds?: number;
}

export type Outcome<Value> = { ok: true; value: Value } | { ok: false; fault: Fault };

interface Answered<Value> {
  data?: Value;
  error?: unknown;
  response: Response;
}

function isProblem(error: unknown): error is Problem {
  return typeof error === 'object' && error !== null && 'detail' in error;
}

function faultOf(error: unknown, response: Response): Fault {
  const retry = Number(response.headers.get('retry-after'));
  return {
    status: response.status,
    words: isProblem(error) ? error.detail : `The cloud answered ${response.status}.`,
    problem: isProblem(error) ? error : undefined,
    retryAfterSeconds: Number.isFinite(retry) && retry > 0 ? retry : undefined,
  };
}

/** What became of a request. */
export async function outcome<Value>(asked: Promise<Answered<Value>>): Promise<Outcome<Value>> {
  try {
    const { data, error, response } = await asked;
    if (response.ok) return { ok: true, value: data as Value };
    return { ok: false, fault: faultOf(error, response) };
  } catch {
    return { ok: false, fault: { status: 0, words: 'The cloud cannot be reached.' } };
  }
}

/** The pages of a list are followed up to here: 200,000 readings are more than any range shows. */
const PAGES_MAX = 40;

interface Page<Item> {
  items: Item[];
  next?: string;
}

/** All pages of a list, one after another. */
export async function everything<Item>(
  ask: (after: string | undefined) => Promise<Answered<Page<Item>>>,
): Promise<Outcome<Item[]>> {
  const items: Item[] = [];
  let after: string | undefined;
  for (let page = 0; page < PAGES_MAX; page += 1) {
    const got = await outcome(ask(after));
    if (!got.ok) return got;
    items.push(...got.value.items);
    after = got.value.next;
    if (after === undefined) break;
  }
  return { ok: true, value: items };
}
