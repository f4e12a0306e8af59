import { createSlots, type Slots } from '../pipeline/slots.ts';
import type { WorkerContext } from './context.ts';

/** The retrier's share of a subscription's slots: a quarter, so that new events and retries cannot starve each other. */
const RETRY_SHARE = 0.25;

export function slotsFor(kind: 'first' | 'retry', { config, watch }: WorkerContext): Slots {
  const share = kind === 'retry' ? RETRY_SHARE : 1 - RETRY_SHARE;
  const part = (whole: number) => Math.max(1, Math.round(whole * share));
  const total = part(config.workerConcurrency);
  return watch.slots(kind, createSlots({ total, perSubscription: part(config.subscriptionConcurrency) }), total);
}
