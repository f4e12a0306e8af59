import { once } from 'node:events';
import { readFile, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';

// Below 32768 no system takes the source port of an outgoing connection by default. In the range above, a client that
// keeps reconnecting to a service that is down sooner or later connects to itself, and so takes the service's port.
const LOWEST = 20_000;
const HIGHEST = 29_999;

/** Whether nothing listens on this port of 127.0.0.1. */
export async function isFree(port: number): Promise<boolean> {
  const server = createServer();
  try {
    server.listen(port, '127.0.0.1');
    await once(server, 'listening');
    return true;
  } catch {
    return false;
  } finally {
    server.close();
  }
}

/** The first of `wanted` and random ports that is free on 127.0.0.1. @throws when 100 random ports are taken */
export async function freePort(wanted?: number): Promise<number> {
  if (wanted !== undefined && (await isFree(wanted))) return wanted;
  for (let tries = 0; tries < 100; tries++) {
    const port = LOWEST + Math.floor(Math.random() * (HIGHEST - LOWEST + 1));
    if (await isFree(port)) return port;
  }
  throw new Error(`no free port between ${LOWEST} and ${HIGHEST}`);
}

/** The port noted in `file` by an earlier start; undefined when there is none. */
export async function rememberedPort(file: string): Promise<number | undefined> {
  const port = Number(await readFile(file, 'utf8').catch(() => ''));
  return Number.isInteger(port) && port > 0 && port < 65_536 ? port : undefined;
}

/** Notes a port for the next start. */
export async function rememberPort(file: string, port: number): Promise<void> {
  await writeFile(file, `${port}\n`);
}
