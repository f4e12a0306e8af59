import { randomBytes } from 'node:crypto';
import { mkdir, open, readFile, rename } from 'node:fs/promises';
import { join } from 'node:path';

/** What a Postrider that configures itself has made for itself. */
export interface OwnKeys {
  readonly adminApiKey: string;
  /** 32 bytes. */
  readonly encryptionKey: Buffer;
}

interface StoredKeys {
  adminApiKey: string;
  encryptionKey: string;
}

/** Keys made at the first start and kept in `DATA_DIR/keys.json`, readable by the owner only. */
export async function ownKeys(dataDir: string): Promise<OwnKeys> {
  return toKeys((await read(fileIn(dataDir))) ?? (await make(fileIn(dataDir), dataDir)));
}

/** The keys that a start has made in this folder, or null. Makes none. */
export async function existingKeys(dataDir: string): Promise<OwnKeys | null> {
  const stored = await read(fileIn(dataDir));
  return stored && toKeys(stored);
}

const toKeys = ({ adminApiKey, encryptionKey }: StoredKeys): OwnKeys => ({
  adminApiKey,
  encryptionKey: Buffer.from(encryptionKey, 'base64'),
});

const fileIn = (dataDir: string): string => join(dataDir, 'keys.json');

async function read(file: string): Promise<StoredKeys | null> {
  try {
    return JSON.parse(await readFile(file, 'utf8')) as StoredKeys;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return null;
    throw error;
  }
}

/** Written whole and synced before it is renamed: secrets encrypted with a key that a crash forgot would be lost. */
async function make(file: string, dataDir: string): Promise<StoredKeys> {
  await mkdir(dataDir, { recursive: true, mode: 0o700 });
  const keys = {
    adminApiKey: `postrider_${randomBytes(32).toString('base64url')}`,
    encryptionKey: randomBytes(32).toString('base64'),
  };
  const handle = await open(`${file}.new`, 'w', 0o600);
  await handle.writeFile(`${JSON.stringify(keys, null, 2)}\n`);
  await handle.sync();
  await handle.close();
  await rename(`${file}.new`, file);
  return keys;
}
