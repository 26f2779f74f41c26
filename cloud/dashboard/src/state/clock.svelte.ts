// What time it is, by the cloud's clock: the only place that reads one. A screen whose own clock is wrong would else tell
// wrong ages.

const SLOW_MS = 5_000;

class Clock {
  #ahead = 0;
  /** Milliseconds since 1970, refreshed each second. */
  now = $state(Date.now());
  /** The same every five seconds, for what costs more than a word to work out again. */
  readonly slow = $derived(Math.floor(this.now / SLOW_MS) * SLOW_MS);

  constructor() {
    setInterval(() => this.#tick(), 1000);
    document.addEventListener('visibilitychange', () => this.#tick());
  }

  #tick(): void {
    this.now = this.read();
  }

  /** This very moment. */
  read(): number {
    return Date.now() + this.#ahead;
  }

  /** Takes the cloud's time as it has just come over the network. */
  set(cloud: number): void {
    this.#ahead = cloud - Date.now();
    this.#tick();
  }
}

export const clock = new Clock();
