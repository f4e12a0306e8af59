import { createAccepting } from './api/accept.ts';
import { type ApiOptions, createContext } from './api/context.ts';
import { startKeyUse } from './api/key-use.ts';
import { startKnown } from './api/known.ts';
import { startPublisher } from './api/publisher.ts';
import { startRedriver } from './api/redriver.ts';
import { startServer } from './api/server.ts';
import { startStore } from './api/store.ts';
import { storeFunctions } from './api/store-functions.ts';
import { startTopicCheck } from './api/topic-check.ts';
import type { Lifecycle } from './lifecycle.ts';
import { runRole, settled } from './role.ts';
import { migrateWhenUp } from './store/migrate-when-up.ts';
import { createReadiness } from './store/readiness.ts';
import { version } from './version.ts';

/**
 * Starts the API's parts: what it opens first is closed last.
 *
 * @returns the URL it listens on
 */
export async function startApi(lifecycle: Lifecycle, options: ApiOptions): Promise<string> {
  const api = createContext(lifecycle, options);
  const store = await startStore(api);
  const fromStore = storeFunctions(store);
  const known = await startKnown(api, store, fromStore.partners);
  const publisher = await startPublisher(api);
  const database = createReadiness(store.pool, api.onLost);
  const topic = await startTopicCheck(api);
  const keyUse = await startKeyUse(api, store);
  const redrives = await startRedriver(api, store, publisher);
  return startServer(api, {
    ...fromStore,
    ...redrives,
    authentication: known.authentication,
    accept: createAccepting(api, { store, known, publisher }),
    noteKeyUse: keyUse.note,
    readiness: async () => (await Promise.all([database(), topic()])).flat(),
  });
}

/** The API as a process of its own, by the environment. */
export async function runApi(): Promise<void> {
  await runRole('api', async (lifecycle, own) => {
    const options = settled(own);
    const { databaseUrl, log } = options;
    const url = await startApi(lifecycle, { ...options, adminApiKey: own.config.adminApiKey as string });
    await migrateWhenUp(databaseUrl, log);
    log.info({ api: url, docs: `${url}/docs`, version }, 'api.started');
    process.send?.({ url });
  });
}

if (import.meta.main) await runApi();
