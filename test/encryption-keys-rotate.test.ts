import { execFile } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { promisify } from 'node:util';
import pg from 'pg';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { POSTRIDER } from '../src/domain/actor.ts';
import { createCipher } from '../src/store/cipher.ts';
import { createPartners } from '../src/store/partners.ts';
import { createPrisma } from '../src/store/prisma.ts';
import { reencrypt } from '../src/store/reencrypt.ts';
import { createSecrets } from '../src/store/secrets.ts';
import { createSubscriptions } from '../src/store/subscriptions.ts';
import { createTestDatabase, type TestDatabase } from './support/database.ts';

const [old, young] = [randomBytes(32), randomBytes(32)];
const both = createCipher([young, old]);
const onlyYoung = createCipher([young]);
const secret = { algorithm: 'hmac-sha256', bytes: randomBytes(32) } as const;
const settings = {
  url: 'https://example.com/',
  eventTypes: ['*'],
  description: null,
  headers: { authorization: 'Bearer sesame' },
  timeoutSeconds: null,
  enabled: true,
  ordered: false,
  filter: null,
  rateLimit: null,
  metadata: {},
};

let database: TestDatabase;
let pool: pg.Pool;
let prisma: ReturnType<typeof createPrisma>;

beforeAll(async () => {
  database = await createTestDatabase();
  pool = new pg.Pool({ connectionString: database.url, max: 4 });
  prisma = createPrisma(pool);
});
afterAll(async () => {
  await pool.end();
  await database.drop();
});

/** A partner with so many subscriptions, written by a service that has these keys. */
async function write(partnerId: string, count: number, keys: readonly Buffer[]) {
  await createPartners(prisma).create({ id: partnerId, name: partnerId, metadata: {} }, POSTRIDER);
  const subscriptions = createSubscriptions(prisma, createCipher(keys));
  const made = [];
  for (let n = 0; n < count; n++) made.push(await subscriptions.create(partnerId, settings, secret, POSTRIDER));
  return made.map((each) => ({ partnerId, id: each?.id as string }));
}

const reads = (keys: readonly Buffer[]) => {
  const cipher = createCipher(keys);
  return { subscriptions: createSubscriptions(prisma, cipher), secrets: createSecrets(prisma, cipher) };
};

test('a new key in front encrypts, the old one still decrypts, and after reencrypt it can leave', async () => {
  const [first] = await write('acme', 1, [old]);
  const [second] = await write('rival', 1, [young, old]);
  const { subscriptions, secrets } = reads([young, old]);
  for (const owned of [first, second]) {
    expect((await subscriptions.find(owned as never))?.headers).toEqual(settings.headers);
    expect(await secrets.list(owned as never)).toMatchObject([{ bytes: secret.bytes }]);
  }
  await expect(reads([young]).secrets.list(first as never)).rejects.toThrow('not among ENCRYPTION_KEYS');

  expect(await reencrypt(pool, both)).toEqual({ changed: 2, unreadable: [] });
  for (const owned of [first, second]) {
    expect((await reads([young]).subscriptions.find(owned as never))?.headers).toEqual(settings.headers);
    expect(await reads([young]).secrets.list(owned as never)).toMatchObject([{ bytes: secret.bytes }]);
  }
  expect(await reencrypt(pool, both)).toEqual({ changed: 0, unreadable: [] }); // and again: nothing is left to do
});

test('it goes in batches, beside changes by the service, and reaches expired secrets and deleted subscriptions', async () => {
  const many = await write('many', 130, [old]);
  const { secrets, subscriptions } = reads([young, old]);
  const [expired, removed] = many as [(typeof many)[0], (typeof many)[0]];
  await secrets.rotate(expired, secret, 0, POSTRIDER);
  await subscriptions.remove(removed, POSTRIDER);
  const run = reencrypt(pool, both);
  await Promise.all(many.slice(2, 22).map((owned) => secrets.rotate(owned, secret, 60, POSTRIDER)));
  expect((await run).unreadable).toEqual([]);
  const { rows } = await pool.query<{ id: string; sealed: Buffer }>(
    'SELECT id, ciphertext AS sealed FROM secrets UNION ALL SELECT id, headers FROM subscriptions',
  );
  expect(rows.length).toBeGreaterThan(280);
  for (const { id, sealed } of rows) expect(onlyYoung.decrypt(sealed, id).length).toBeGreaterThan(0);
});

test('the command says what it did; what it cannot read it names, leaves alone, and fails', async () => {
  const lost = randomBytes(32);
  const run = (keys: readonly Buffer[]) =>
    promisify(execFile)(process.execPath, ['src/cli.ts', 'reencrypt'], {
      env: { DATABASE_URL: database.url, ENCRYPTION_KEYS: keys.map((key) => key.toString('base64')).join(',') },
    }).then(
      ({ stdout }) => ({ stdout, stderr: '', code: 0 }),
      ({ stdout, stderr, code }) => ({ stdout, stderr, code }),
    );
  await write('lost', 1, [lost]);
  await write('found', 1, [old]);
  const partly = await run([young, old]);
  expect(partly).toMatchObject({ code: 1, stdout: 'encrypted 2 with the newest key\n' });
  expect(partly.stderr.match(/not among ENCRYPTION_KEYS/g)).toHaveLength(2);
  expect(await run([young, old, lost])).toMatchObject({ code: 0, stdout: 'encrypted 2 with the newest key\n' });
});
