import { configOrExit } from '../src/config.ts';
import { createCipher } from '../src/store/cipher.ts';
import { createPool } from '../src/store/pool.ts';
import { reencrypt } from '../src/store/reencrypt.ts';

const { databaseUrl, encryptionKeys } = configOrExit(process.env, 'all');
if (!databaseUrl || encryptionKeys.length === 0) {
  console.error('DATABASE_URL and ENCRYPTION_KEYS are needed: the keys newest first, as the service has them.');
  process.exit(1);
}
const pool = createPool({ url: databaseUrl, max: 1, applicationName: 'postrider-reencrypt' });
const { changed, unreadable } = await reencrypt(pool, createCipher(encryptionKeys));
await pool.end();
console.log(`encrypted ${changed} with the newest key`);
for (const { table, id, error } of unreadable) console.error(`${table} ${id}: ${error}`);
if (unreadable.length > 0) process.exit(1);
