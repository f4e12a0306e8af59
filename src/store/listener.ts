import pg from 'pg';
import type { HealthRow } from './hot-health.ts';

/** What another process has changed. */
export type Change =
  | { readonly changed: 'subscriptions'; readonly partnerId: string }
  | { readonly changed: 'partner'; readonly partnerId: string }
  | { readonly changed: 'health'; readonly subscriptionId: string; readonly health: HealthRow | null }
  | { readonly changed: 'apiKey'; readonly hash: string };

export interface ListenerOptions {
  readonly url: string;
  onChange(change: Change): void;
  /** Listening (again): changes since the connection was lost went unheard. */
  onListening(): void;
  onError(error: unknown): void;
}

export interface Listener {
  start(): void;
  stop(): Promise<void>;
}

const RECONNECT_MS = 500;

/** Half-open connections are noticed by this heartbeat: a listener never sends anything by itself. */
const HEARTBEAT_MS = 10_000;

/** Hears of changes (NOTIFY on channel `postrider`) on a connection of its own, which it opens again whenever it is lost. */
export function createListener({ url, onChange, onListening, onError }: ListenerOptions): Listener {
  let client: pg.Client | undefined;
  let timer: NodeJS.Timeout | undefined;
  let started = false;
  let stopped = false;

  /** What cannot be read may have been about anything. */
  function hear(payload: string | undefined): void {
    try {
      onChange(JSON.parse(payload ?? '') as Change);
    } catch (error) {
      onError(error);
      onListening();
    }
  }

  async function connect(): Promise<void> {
    const fresh = new pg.Client({
      connectionString: url,
      application_name: 'postrider-listener',
      connectionTimeoutMillis: 5_000,
      query_timeout: 5_000,
      keepAlive: true,
    });
    client = fresh;
    let lost = false;
    const lose = (error: unknown) => {
      if (lost) return;
      lost = true;
      clearTimeout(timer);
      fresh.end().catch(() => undefined);
      if (stopped) return;
      onError(error);
      timer = setTimeout(connect, RECONNECT_MS);
    };
    fresh.on('error', lose);
    fresh.on('end', () => lose(new Error('the listening connection has ended')));
    fresh.on('notification', ({ payload }) => hear(payload));
    const beat = () => {
      timer = setTimeout(() => fresh.query('SELECT 1').then(beat, lose), HEARTBEAT_MS);
    };
    try {
      await fresh.connect();
      await fresh.query('LISTEN postrider');
      onListening();
      beat();
    } catch (error) {
      lose(error);
    }
  }

  return {
    start() {
      if (started) return;
      started = true;
      void connect();
    },
    async stop() {
      stopped = true;
      clearTimeout(timer);
      await client?.end().catch(() => undefined);
    },
  };
}
