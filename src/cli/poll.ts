import { setTimeout as delay } from 'node:timers/promises';
import { rawElements, rawMember } from '../domain/raw-json.ts';
import type { Client } from './client.ts';
import { ApiProblem, CliError } from './errors.ts';
import { note } from './output.ts';
import { withQuery } from './pages.ts';

/** An event of a feed, its data as it came. */
export interface PolledEvent {
  readonly id: string;
  readonly type: string;
  readonly timestamp: string;
  readonly data: string;
}

interface Poll {
  readonly client: Client;
  /** `…/events` of a subscription without URL. */
  readonly path: string;
  /** Undefined: from the oldest event. */
  readonly cursor: string | undefined;
  /** Resolves once the event is dealt with, or the signal aborts. */
  readonly forward: (event: PolledEvent) => Promise<void>;
  readonly signal: AbortSignal;
}

const LONGEST_PAUSE_MS = 10_000;

/**
 * Hands on a feed's events one by one, in order, until the signal aborts. While the API is away it asks again.
 *
 * @returns where to go on: after the last page that was dealt with as a whole
 */
export async function pollFeed({ client, path, cursor, forward, signal }: Poll): Promise<string | undefined> {
  let at = cursor;
  for (let failures = 0; !signal.aborted; ) {
    try {
      const page = readPage(await client.text('GET', withQuery(path, { cursor: at, wait: '20s' }), { signal }));
      failures = 0;
      for (const event of page.events) if (!signal.aborted) await forward(event);
      if (!signal.aborted) at = page.nextCursor;
    } catch (error) {
      if (signal.aborted) break;
      if (!mayPass(error)) throw error;
      failures++;
      note(`${(error as Error).message}: asking again`);
      await delay(Math.min(1_000 * failures, LONGEST_PAUSE_MS), undefined, { signal }).catch(() => undefined);
    }
  }
  return at;
}

/** The end of a feed as it is now, found by reading it. */
export async function feedEnd(client: Client, path: string): Promise<string> {
  for (let cursor: string | undefined; ; ) {
    const page = readPage(await client.text('GET', withQuery(path, { cursor, limit: '250' })));
    cursor = page.nextCursor;
    if (page.events.length === 0) return cursor;
  }
}

/** No answer, or one that says later. */
function mayPass(error: unknown): boolean {
  if (error instanceof ApiProblem) return error.status >= 500 || error.status === 429;
  return error instanceof CliError;
}

function readPage(text: string): { events: PolledEvent[]; nextCursor: string } {
  const { nextCursor } = JSON.parse(text) as { nextCursor: string };
  const events = rawElements(rawMember(text, 'data') as string).map((element) => ({
    ...(JSON.parse(element) as Omit<PolledEvent, 'data'>),
    data: rawMember(element, 'data') as string,
  }));
  return { events, nextCursor };
}
