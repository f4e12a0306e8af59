import { createRemembered, type Remembered } from '../domain/remembered.ts';
import { type Authentication, createAuthentication } from '../http/authentication.ts';
import { createFindApiKey } from '../store/api-keys.ts';
import { type Change, createListener } from '../store/listener.ts';
import type { Partners } from '../store/partners.ts';
import type { ApiContext } from './context.ts';
import type { StoreAccess } from './store-functions.ts';

/** Partners come and go rarely, and NOTIFY tells of it; this bounds what a missed one does. */
const PARTNER_FRESH_MS = 30_000;

/** What is remembered, so that events are accepted while Postgres is away. */
export interface Known {
  readonly authentication: Authentication;
  readonly partners: Remembered<string, object>;
}

/** Remembers keys and partners, and forgets what it hears has changed. */
export async function startKnown(api: ApiContext, { pool }: StoreAccess, partners: Partners): Promise<Known> {
  const authentication = createAuthentication({
    findApiKey: createFindApiKey(pool),
    adminApiKey: api.adminApiKey,
    now: Date.now,
  });
  const known = createRemembered({ load: (id) => partners.find(id), freshMs: PARTNER_FRESH_MS, now: Date.now });

  function onChange(change: Change): void {
    if (change.changed === 'apiKey') authentication.drop(change.hash);
    if (change.changed === 'partner') known.drop(change.partnerId);
  }
  function onListening(): void {
    authentication.clear();
    known.clear();
  }
  const heard = api.telemetry.listener('api', { onListening, onError: api.onLost });
  const listener = createListener({ url: api.databaseUrl, onChange, ...heard });
  await api.lifecycle.start({ name: 'listener', ...listener });
  return { authentication, partners: known };
}
