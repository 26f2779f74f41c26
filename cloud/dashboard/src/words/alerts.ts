// Which alerts want a person now, and in what order.
import type { Alert, AlertSeverity } from '../api/types';
import { millis } from './standing.ts';

const URGENCY: Record<AlertSeverity, number> = { critical: 0, warning: 1, info: 2 };

/** Nobody has answered it: it is on, or it is over and nobody has seen it. */
export function wantsAnswer(alert: Alert): boolean {
  return isOpen(alert) && alert.acknowledged_at == null && alert.pending_acknowledgement == null;
}

/** It is on, or over but unseen. */
export function isOpen(alert: Alert): boolean {
  if (alert.resolved_at != null || alert.status === 'resolved') return false;
  return alert.cleared_at == null || alert.acknowledged_at == null;
}

/** Unanswered before answered, then the most urgent, then still on before over, then the newest. */
export function byUrgency(one: Alert, other: Alert): number {
  const answered = Number(one.acknowledged_at != null) - Number(other.acknowledged_at != null);
  const urgency = URGENCY[one.severity] - URGENCY[other.severity];
  const over = Number(one.cleared_at != null) - Number(other.cleared_at != null);
  return answered || urgency || over || (millis(other.triggered_at) ?? 0) - (millis(one.triggered_at) ?? 0);
}
