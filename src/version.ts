import { readFileSync } from 'node:fs';

const manifest: unknown = JSON.parse(readFileSync(new URL('../package.json', import.meta.url), 'utf8'));

/** This Postrider's version, as in package.json. */
export const version: string = (manifest as { version: string }).version;
