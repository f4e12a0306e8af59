/** Runs the embedded services until it is killed; started by `support.ts`. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { startEmbedded } from '../../src/embedded/index.ts';

const dataDir = process.argv[2] ?? '';
const pids = (file: string) => Number.parseInt(readFileSync(join(dataDir, file), 'utf8'), 10);

const { databaseUrl, awsEndpoint, children } = await startEmbedded({ dataDir, settings: { fsync: 'off' } });
process.on('SIGINT', () => process.send?.('interrupted')); // and goes on, as a graceful stop would
process.send?.({ databaseUrl, awsEndpoint, children: [...children(), pids('postgres/postmaster.pid')] });
process.on('disconnect', () => process.exit(0)); // the test itself was killed
