import { resolve } from 'node:path';
import type { Logger } from 'pino';
import { startApi } from './api.ts';
import type { Config } from './config.ts';
import { DEFAULT_TOPOLOGY } from './default-topology.ts';
import { ownKeys, startEmulator, startPostgres } from './embedded/index.ts';
import type { Lifecycle } from './lifecycle.ts';
import { ensureTopology } from './pubsub/index.ts';
import { awsOptions, type RoleOptions, runRole } from './role.ts';
import { version } from './version.ts';
import { startWorker } from './worker.ts';

/** The emulator takes any credentials, but the SDK will not sign without. */
const ANY_CREDENTIALS = { accessKeyId: 'embedded', secretAccessKey: 'embedded' };

/** All in one process, by the environment. */
export async function runAll(): Promise<void> {
  await runRole('all', async (lifecycle, own) => {
    const { config, log } = own;
    const { encryptionKeys, adminApiKey } = await keys(config);
    const [databaseUrl, bus] = await Promise.all([
      startDatabase(lifecycle, config, log),
      startBus(lifecycle, config, log),
    ]);
    const options = { ...own, databaseUrl, ...bus, encryptionKeys };
    await startWorker(lifecycle, options);
    const url = await startApi(lifecycle, { ...options, adminApiKey });
    log.info({ api: url, version, dataDir: config.dataDir }, 'postrider.started');
    const shownKey = config.adminApiKey ? 'as set in ADMIN_API_KEY' : adminApiKey;
    console.log(
      banner({ API: url, Docs: `${url}/docs`, 'Admin key': shownKey, 'Data folder': resolve(config.dataDir) }),
    );
    process.send?.({ url });
  });
}

/** What a person wants to know first. */
function banner(facts: Record<string, string>): string {
  const lines = Object.entries(facts).map(([name, value]) => `  ${name.padEnd(12)} ${value}`);
  return `\nPostrider ${version} is running\n\n${lines.join('\n')}\n`;
}

/** Those of the settings; what they leave out is made at the first start, beside the embedded database. */
async function keys(config: Config): Promise<{ encryptionKeys: readonly Buffer[]; adminApiKey: string }> {
  const { encryptionKeys, adminApiKey } = config;
  if (encryptionKeys.length > 0 && adminApiKey !== null) return { encryptionKeys, adminApiKey };
  const own = await ownKeys(config.dataDir);
  return {
    encryptionKeys: encryptionKeys.length > 0 ? encryptionKeys : [own.encryptionKey],
    adminApiKey: adminApiKey ?? own.adminApiKey,
  };
}

async function startDatabase(lifecycle: Lifecycle, config: Config, log: Logger): Promise<string> {
  if (config.databaseUrl) return config.databaseUrl;
  const postgres = await startPostgres({ dataDir: config.dataDir, log });
  await lifecycle.start({ name: 'embedded-postgres', stop: () => postgres.stop() });
  return postgres.url;
}

type Bus = Pick<RoleOptions, 'transport' | 'aws'>;

/** Where events go in and come out: the configured resources, or an embedded topic with its lanes. */
async function startBus(lifecycle: Lifecycle, config: Config, log: Logger): Promise<Bus> {
  if (config.transport) return { transport: config.transport, aws: awsOptions(config) };
  const emulator = await startEmulator({ dataDir: config.dataDir, log });
  await lifecycle.start({ name: 'embedded-sns-sqs', stop: () => emulator.stop() });
  const aws = { region: config.awsRegion, endpoint: emulator.endpoint, credentials: ANY_CREDENTIALS };
  const { topicArn, lanes } = await ensureTopology(DEFAULT_TOPOLOGY, aws);
  const laneConfigs = Object.entries(lanes).map(([name, lane]) => ({ name, ...lane }));
  return { transport: { topicArn, lanes: laneConfigs }, aws };
}

if (import.meta.main) await runAll();
