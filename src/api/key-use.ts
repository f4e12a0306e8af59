import { createKeyUse, type KeyUse } from '../http/key-use.ts';
import { noteKeysUsed } from '../store/api-keys.ts';
import type { ApiContext } from './context.ts';
import type { StoreAccess } from './store-functions.ts';

/** Notes when keys were last used. */
export async function startKeyUse({ lifecycle, onLost }: ApiContext, { pool }: StoreAccess): Promise<KeyUse> {
  const keyUse = createKeyUse({ write: (uses) => noteKeysUsed(pool, uses), now: Date.now, onError: onLost });
  await lifecycle.start({ name: 'key-use', ...keyUse });
  return keyUse;
}
