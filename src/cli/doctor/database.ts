import type { Config } from '../../config.ts';
import { existingKeys, findBinaries } from '../../embedded/index.ts';
import { createCipher } from '../../store/cipher.ts';
import { askServer, type ServerFacts, sampleSealed } from '../../store/diagnosis.ts';
import { pendingMigrations } from '../../store/migrate.ts';
import { createPool } from '../../store/pool.ts';
import { error, type Finding, ok, warning } from './finding.ts';

type Pool = ReturnType<typeof createPool>;

const OLDEST_VERSION = 15;

/** Clocks this far apart disturb rate limits and the order of events; further apart, events go astray. */
const SKEW_WARNING_MS = 1_000;
const SKEW_ERROR_MS = 30_000;

/** Postgres: reachable, new enough, migrated, on time, and readable with these keys. */
export async function checkDatabase(config: Config): Promise<Finding[]> {
  if (config.databaseUrl === null) return [await checkEmbedded(config)];
  const pool = createPool({ url: config.databaseUrl, max: 2, applicationName: 'postrider-doctor', onError: () => {} });
  try {
    const facts = await askServer(pool);
    const pending = await pendingMigrations(pool);
    const server = [version(facts), clock(facts), ...privileges(facts), migrations(pending)];
    return [...server, ...(await secrets(pool, config, pending))];
  } catch (failure) {
    return [error('database', whyNot(failure))];
  } finally {
    await pool.end();
  }
}

async function checkEmbedded({ dataDir }: Config): Promise<Finding> {
  try {
    await findBinaries();
    return ok('database', `embedded: postrider start keeps it in ${dataDir}`);
  } catch (failure) {
    return error('database', (failure as Error).message);
  }
}

function version({ versionNumber }: ServerFacts): Finding {
  const major = Math.floor(versionNumber / 10_000);
  if (major >= OLDEST_VERSION) return ok('database', `PostgreSQL ${major}`);
  return error('database', `PostgreSQL ${major} is too old: use ${OLDEST_VERSION} or newer`);
}

function clock({ aheadMs }: ServerFacts): Finding {
  const apart = Math.abs(Math.round(aheadMs));
  if (apart < SKEW_WARNING_MS) return ok('clock', `${apart} ms from the database's`);
  const detail = `${apart} ms ${aheadMs > 0 ? 'ahead of' : 'behind'} the database's: keep both by NTP`;
  return apart < SKEW_ERROR_MS ? warning('clock', detail) : error('clock', detail);
}

function privileges({ mayCreate }: ServerFacts): Finding[] {
  if (mayCreate) return [];
  return [
    error('privileges', 'this role may not create partitions: GRANT CREATE ON SCHEMA to it, and let it own the tables'),
  ];
}

const migrations = (pending: readonly string[]): Finding =>
  pending.length === 0
    ? ok('migrations', 'up to date')
    : warning('migrations', `${pending.length} pending: run postrider migrate, or the next start applies them`);

/** The stored secrets need keys that are still in the ring. */
async function secrets(pool: Pool, config: Config, pending: readonly string[]): Promise<Finding[]> {
  const own = config.encryptionKeys.length === 0 ? await existingKeys(config.dataDir) : null;
  const keys = own ? [own.encryptionKey] : config.encryptionKeys;
  if (pending.length > 0) return []; // there may be no tables yet
  const samples = await sampleSealed(pool);
  if (keys.length === 0) {
    return samples.length === 0 ? [] : [error('encryption keys', 'ENCRYPTION_KEYS is missing, and secrets are stored')];
  }
  const cipher = createCipher(keys);
  const unreadable = samples.flatMap(({ table, id, sealed }) => {
    try {
      cipher.decrypt(sealed, id);
      return [];
    } catch (failure) {
      return [error('encryption keys', `a row of ${table} cannot be read: ${(failure as Error).message}`)];
    }
  });
  return unreadable.length > 0 ? unreadable : [ok('encryption keys', `read what is stored (${samples.length} tried)`)];
}

/** What to change, by SQLSTATE or the system's code. */
const ADVICE: Readonly<Record<string, string>> = {
  ECONNREFUSED: 'nobody listens there: start Postgres, or correct host and port in DATABASE_URL',
  ENOTFOUND: 'its host name is unknown: correct DATABASE_URL',
  ETIMEDOUT: 'no answer: let this machine through to it (security group, firewall)',
  '28P01': 'user or password is wrong: correct DATABASE_URL',
  '28000': 'it does not let this user in: correct DATABASE_URL, or pg_hba.conf',
  '3D000': 'there is no such database: create it, or correct DATABASE_URL',
  '53300': 'it has no connection left: raise max_connections, or run fewer processes',
};

function whyNot(failure: unknown): string {
  const { code = '', message } = failure as Error & { code?: string };
  const advice = ADVICE[code] ?? (/timeout/i.test(message) ? ADVICE.ETIMEDOUT : undefined);
  return advice ? `${advice} (${code || message})` : `${message || code}: check DATABASE_URL`;
}
