/**
 * Postrider at work on real input: every example payload of GitHub's webhooks goes to one partner with three subscriptions: a healthy
 * one, one whose receiver fails twice and then works, and one whose receiver always fails. Starts a Postrider of its own in a
 * temporary folder; with `--keep` it stays up afterwards to be looked at.
 */
import { type ChildProcess, fork } from 'node:child_process';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { createServer } from 'node:http';
import { createRequire } from 'node:module';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import type { WebhookDefinition } from '@octokit/webhooks-examples';
import { Webhook } from 'standardwebhooks';

const PARTNER = 'octo-corp';
const RETRIES = '1s,1s,2s';

/** It takes some ten seconds. */
const LONGEST_MS = 120_000;

const examples: WebhookDefinition[] = createRequire(import.meta.url)('@octokit/webhooks-examples');

interface Seen {
  attempts: number;
  verified: boolean;
  identical: boolean;
  latencyMs: number;
}

interface Subscription {
  readonly id: string;
  readonly secret: string;
}

/** What was published: the exact text of `data` and when, by event id. */
const published = new Map<string, { type: string; data: string; at: number }>();
const seen = { healthy: new Map<string, Seen>(), flaky: new Map<string, Seen>(), broken: new Map<string, Seen>() };
type Name = keyof typeof seen;
const secrets = new Map<string, string>();

const receiver = createServer(async (request, response) => {
  const arrivedAt = performance.now();
  const chunks: Buffer[] = [];
  for await (const chunk of request) chunks.push(chunk as Buffer);
  const name = (request.url as string).slice(1) as Name;
  const attempts = note(name, Buffer.concat(chunks).toString(), request.headers as Record<string, string>, arrivedAt);
  response.statusCode = { healthy: 200, flaky: attempts > 2 ? 200 : 503, broken: 500 }[name];
  response.end();
});
await new Promise<void>((resolve) => receiver.listen(0, '127.0.0.1', resolve));
const receiverUrl = `http://127.0.0.1:${(receiver.address() as AddressInfo).port}`;

const dataDir = await mkdtemp(join(tmpdir(), 'postrider-demo-'));
const service = startService();
process.once('exit', () => service.kill('SIGTERM')); // also when something below fails
const apiUrl = await new Promise<string>((resolve, reject) => {
  service.on('message', (message) => resolve((message as { url: string }).url));
  service.once('exit', (code) => reject(new Error(`Postrider exited with ${code}`)));
});
const { adminApiKey } = JSON.parse(await readFile(join(dataDir, 'keys.json'), 'utf8')) as { adminApiKey: string };
console.log(`Postrider is at ${apiUrl}, a receiver at ${receiverUrl}\n`);

await call('POST', '/v1/partners', { id: PARTNER, name: 'Octo Corp' });
const subscriptions = {} as Record<Name, Subscription>;
for (const name of Object.keys(seen) as Name[]) {
  const body = { url: `${receiverUrl}/${name}`, eventTypes: ['*'], description: `the ${name} receiver` };
  subscriptions[name] = await call<Subscription>('POST', `/v1/partners/${PARTNER}/subscriptions`, body);
  secrets.set(name, subscriptions[name].secret);
}

for (const { name, examples: payloads } of examples) {
  for (const payload of payloads) {
    const type = 'action' in payload ? `${name}.${payload.action}` : name;
    const data = JSON.stringify(payload, null, 1); // with white space, which must arrive as it is
    const at = performance.now();
    const body = `{"partnerId":"${PARTNER}","type":${JSON.stringify(type)},"data":${data}}`;
    const { id } = await call<{ id: string }>('POST', '/v1/events', body);
    published.set(id, { type, data, at });
  }
}
console.log(`published ${published.size} events; waiting for the last retry (schedule ${RETRIES})`);
const states = await finished();
report(states);

if (process.argv.includes('--keep')) {
  console.log('\nstill running: end it with Ctrl-C');
  await new Promise((resolve) => process.once('SIGINT', resolve).once('SIGTERM', resolve));
}
service.kill('SIGTERM');
await new Promise((resolve) => service.once('exit', resolve));
receiver.close();
receiver.closeAllConnections();
await rm(dataDir, { recursive: true, force: true });

function startService(): ChildProcess {
  const env = {
    ...process.env,
    DATA_DIR: dataDir,
    PORT: '0',
    RETRY_SCHEDULE: RETRIES,
    BREAKER_AFTER: '0', // every event shall have its retries within seconds, though these receivers fail hundreds of times in a row
    LOG_LEVEL: 'warn',
  };
  return fork(fileURLToPath(new URL('../src/main.ts', import.meta.url)), {
    env,
    stdio: ['ignore', 'ignore', 'inherit', 'ipc'],
  });
}

/** Verifies as a partner would, and compares with what was published. Gives the number of attempts so far. */
function note(name: Name, body: string, headers: Record<string, string>, arrivedAt: number): number {
  const id = headers['webhook-id'] as string;
  const before = seen[name].get(id);
  const event = published.get(id);
  const entry = {
    attempts: (before?.attempts ?? 0) + 1,
    verified: (before?.verified ?? true) && verifies(secrets.get(name) as string, body, headers),
    identical:
      (before?.identical ?? true) && (event ? body.endsWith(`,"data":${event.data}}`) : body.includes('"data":')),
    latencyMs: before?.latencyMs ?? arrivedAt - (event?.at ?? arrivedAt),
  };
  seen[name].set(id, entry);
  return entry.attempts;
}

function verifies(secret: string, body: string, headers: Record<string, string>): boolean {
  try {
    new Webhook(secret).verify(body, headers);
    return true;
  } catch {
    return false;
  }
}

async function call<T>(method: string, path: string, body?: unknown): Promise<T> {
  const response = await fetch(`${apiUrl}${path}`, {
    method,
    headers: { authorization: `Bearer ${adminApiKey}`, 'content-type': 'application/json' },
    ...(body === undefined ? {} : { body: typeof body === 'string' ? body : JSON.stringify(body) }),
  });
  const answer: unknown = await response.json();
  if (!response.ok) throw new Error(`${method} ${path}: ${JSON.stringify(answer)}`);
  return answer as T;
}

/** Deliveries by subscription and state, as the status API tells them, once none is pending. */
async function finished(): Promise<Map<string, number>> {
  for (const deadline = Date.now() + LONGEST_MS; ; ) {
    const states = new Map<string, number>();
    for (const [name, { id }] of Object.entries(subscriptions)) await count(name, id, states);
    const total = [...states.values()].reduce((sum, each) => sum + each, 0);
    const pending = [...states].some(([key]) => key.endsWith(' pending'));
    if (!pending && total === published.size * 3) return states;
    if (Date.now() > deadline) throw new Error(`not finished after ${LONGEST_MS} ms: ${[...states].join('; ')}`);
    await delay(500);
  }
}

async function count(name: string, subscriptionId: string, states: Map<string, number>): Promise<void> {
  let cursor: string | null = '';
  while (cursor !== null) {
    const query = new URLSearchParams({ subscriptionId, limit: '250', ...(cursor && { cursor }) });
    const page: { data: { state: string }[]; nextCursor: string | null } = await call(
      'GET',
      `/v1/partners/${PARTNER}/deliveries?${query}`,
    );
    for (const { state } of page.data) states.set(`${name} ${state}`, (states.get(`${name} ${state}`) ?? 0) + 1);
    cursor = page.nextCursor;
  }
}

function report(states: Map<string, number>): void {
  const all = Object.values(seen).flatMap((each) => [...each.values()]);
  const latencies = [...seen.healthy.values()].map(({ latencyMs }) => latencyMs).sort((a, b) => a - b);
  const at = (share: number) => `${latencies[Math.floor(latencies.length * share)]?.toFixed(1)} ms`;
  const list = `${apiUrl}/v1/partners/${PARTNER}`;
  const lines: [string, string | number][] = [
    ['published', published.size],
    ['healthy: delivered at the first attempt', states.get('healthy succeeded') ?? 0],
    ['flaky: delivered at the third attempt', states.get('flaky succeeded') ?? 0],
    ['broken: exhausted after four attempts', states.get('broken exhausted') ?? 0],
    ['webhook requests in all', all.reduce((sum, { attempts }) => sum + attempts, 0)],
    ['signatures verified (standardwebhooks)', `${all.filter(({ verified }) => verified).length} of ${all.length}`],
    ['bodies byte-identical', `${all.filter(({ identical }) => identical).length} of ${all.length}`],
    ['publish → arrival, p50 / p99', `${at(0.5)} / ${at(0.99)}`],
  ];
  console.log(`\n${lines.map(([name, value]) => `${name.padEnd(42)}${value}`).join('\n')}`);
  console.log(`\nLook them up${process.argv.includes('--keep') ? '' : ' (start the demo with -- --keep)'}:`);
  console.log(`  export KEY=${adminApiKey}`);
  for (const [name, { id }] of Object.entries(subscriptions)) {
    console.log(`  curl -H "Authorization: Bearer $KEY" "${list}/deliveries?subscriptionId=${id}&limit=5"   # ${name}`);
  }
  const some = [...published.keys()][0];
  console.log(`  curl -H "Authorization: Bearer $KEY" "${list}/events/${some}"   # one event with its deliveries`);
}
