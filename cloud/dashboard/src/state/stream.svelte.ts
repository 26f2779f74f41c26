// The live line to the cloud: opens it, notices when it dies, opens it again, and says how it stands.
//
// Owns the connection alone; what the events mean is for whoever listens. After each new beginning the listener must
// fetch everything again, for what was told in between is lost.
import { wait } from '../live/backoff';
import { EventReader, type StreamEvent } from '../live/events';
import { clock } from './clock.svelte';

/** The cloud says something at least every 15 s; a line that is quiet for longer than this is dead. */
const QUIET_MAX_MS = 35_000;
/** A line that is back within this was never worth a word. */
const GRACE_MS = 2_500;

export interface Listener {
  began(): void;
  heard(event: StreamEvent): void;
  ended(): void;
}

class Stream {
  /** When the line was lost; nothing while it stands. */
  lostSince = $state<number>();
  /** When the next try is. */
  nextTry = $state<number>();
  /** Lost for long enough to be told. */
  readonly lost = $derived(this.lostSince !== undefined && clock.now - this.lostSince > GRACE_MS);

  #listener: Listener | undefined;
  #abort: AbortController | undefined;
  #retry: ReturnType<typeof setTimeout> | undefined;
  #failures = 0;

  constructor() {
    // A page that the browser keeps for its back button must not hold a connection: there are only a few for a host.
    addEventListener('pagehide', () => this.#abort?.abort());
    addEventListener('pageshow', (event) => {
      if (event.persisted) this.tryNow();
    });
  }

  start(listener: Listener): void {
    this.stop();
    this.#listener = listener;
    this.#failures = 0;
    void this.#connect();
  }

  stop(): void {
    this.#listener = undefined;
    this.#abort?.abort();
    clearTimeout(this.#retry);
    this.lostSince = undefined;
    this.nextTry = undefined;
  }

  /** Tries now, without waiting for the time that was set. */
  tryNow(): void {
    if (this.nextTry === undefined) return;
    clearTimeout(this.#retry);
    void this.#connect();
  }

  async #connect(): Promise<void> {
    this.nextTry = undefined;
    const abort = new AbortController();
    this.#abort = abort;
    const end = await this.#listen(abort);
    if (this.#abort !== abort || this.#listener === undefined) return;
    if (end === 'signed out') {
      this.#listener.ended();
      return;
    }
    this.lostSince ??= clock.read();
    const delay = wait(this.#failures, Math.random());
    this.#failures += 1;
    this.nextTry = clock.read() + delay;
    this.#retry = setTimeout(() => void this.#connect(), delay);
  }

  /** Reads the line to its end. */
  async #listen(abort: AbortController): Promise<'lost' | 'signed out'> {
    let quiet = setTimeout(() => abort.abort(), QUIET_MAX_MS);
    try {
      const headers = { accept: 'text/event-stream' };
      const response = await fetch('/api/v1/stream', { signal: abort.signal, headers, cache: 'no-store' });
      if (response.status === 401) return 'signed out';
      if (!response.ok || response.body === null) return 'lost';
      const reader = response.body.pipeThrough(new TextDecoderStream()).getReader();
      const events = new EventReader();
      for (;;) {
        const { done, value } = await reader.read();
        if (done) return 'lost';
        clearTimeout(quiet);
        quiet = setTimeout(() => abort.abort(), QUIET_MAX_MS);
        for (const event of events.take(value)) this.#hear(event);
      }
    } catch {
      return 'lost';
    } finally {
      clearTimeout(quiet);
    }
  }

  #hear(event: StreamEvent): void {
    if (event.name === 'hello') {
      const told = JSON.parse(event.data) as { at?: string };
      if (told.at !== undefined) clock.set(Date.parse(told.at));
      this.#failures = 0;
      this.lostSince = undefined;
      this.#listener?.began();
    } else this.#listener?.heard(event);
  }
}

export const stream = new Stream();
