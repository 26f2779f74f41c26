// Who is signed in, as what, and in which unit he reads temperatures.
import { api, onSessionEnd, outcome, type Fault, type Outcome } from '../api/client';
import type { Session } from '../api/types';
import { may, type Power } from '../words/names';
import type { TempUnit } from '../words/temperature';

export type Presence =
  | { state: 'asking' }
  | { state: 'out'; ended: boolean }
  | { state: 'unreachable'; fault: Fault }
  | { state: 'in'; session: Session };

class Person {
  presence = $state<Presence>({ state: 'asking' });
  readonly session = $derived(this.presence.state === 'in' ? this.presence.session : undefined);
  readonly unit: TempUnit = $derived(this.session?.temp_unit ?? 'C');

  constructor() {
    onSessionEnd(() => {
      if (this.presence.state === 'in') this.presence = { state: 'out', ended: true };
    });
  }

  /** Asks the cloud who this is. */
  async ask(): Promise<void> {
    const got = await outcome(api.GET('/api/v1/session'));
    if (got.ok) this.presence = { state: 'in', session: got.value };
    else if (got.fault.status === 401) this.presence = { state: 'out', ended: false };
    else this.presence = { state: 'unreachable', fault: got.fault };
  }

  async signIn(email: string, password: string, organization: string | undefined): Promise<Outcome<Session>> {
    const body = organization === undefined ? { email, password } : { email, password, organization };
    const got = await outcome(api.POST('/api/v1/session', { body }));
    if (got.ok) this.presence = { state: 'in', session: got.value };
    return got;
  }

  async signOut(): Promise<void> {
    await outcome(api.DELETE('/api/v1/session'));
    this.presence = { state: 'out', ended: false };
  }

  /** The choice is the person's, on every screen; it is shown at once and taken back if the cloud does not keep it. */
  async chooseUnit(unit: TempUnit): Promise<void> {
    const before = this.session;
    if (before === undefined || before.temp_unit === unit) return;
    this.presence = { state: 'in', session: { ...before, temp_unit: unit } };
    const got = await outcome(api.PATCH('/api/v1/session', { body: { temp_unit: unit } }));
    if (this.presence.state === 'in') this.presence = { state: 'in', session: got.ok ? got.value : before };
  }

  may(power: Power): boolean {
    return this.session !== undefined && may(this.session.role, power);
  }
}

export const person = new Person();
