import { createCipher } from '../store/cipher.ts';
import { createPool, READ_SETTINGS } from '../store/pool.ts';
import { createPrisma } from '../store/prisma.ts';
import type { ApiContext } from './context.ts';
import type { StoreAccess } from './store-functions.ts';

/** Postgres, for plain reads and for what people change. */
export async function startStore(api: ApiContext): Promise<StoreAccess> {
  const { databaseUrl: url, telemetry, onLost: onError } = api;
  const pool = createPool({ url, max: 10, applicationName: 'postrider-api', settings: READ_SETTINGS, onError });
  telemetry.pool('api', pool);
  const prisma = createPrisma(pool);
  await api.lifecycle.start({
    name: 'store',
    stop: async () => {
      await prisma.$disconnect();
      await pool.end();
    },
  });
  return { pool, prisma, cipher: createCipher(api.encryptionKeys) };
}
