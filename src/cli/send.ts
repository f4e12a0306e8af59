import { readFile } from 'node:fs/promises';
import { buffer } from 'node:stream/consumers';
import { setTimeout as delay } from 'node:timers/promises';
import type { Command } from 'commander';
import { type Client, createClient, type RemoteOptions } from './client.ts';
import { remoteCommand } from './command.ts';
import { ApiProblem, CliError, usageError } from './errors.ts';
import { note, printJson, printTable } from './output.ts';
import { path } from './pages.ts';
import { toDuration } from './times.ts';

interface SendOptions extends RemoteOptions {
  readonly partner: string;
  readonly type: string;
  readonly data?: string;
  readonly file?: string;
  readonly timestamp?: string;
  readonly lane?: string;
  readonly idempotencyKey?: string;
  readonly wait?: number | true;
}

interface Delivery {
  readonly id: string;
  readonly subscriptionId: string;
  readonly state: string;
  readonly attemptCount: number;
  readonly nextAttemptAt: string | null;
  readonly lastAttempt: { readonly outcome: string; readonly error: string | null } | null;
}

interface EventRecord {
  readonly deliveries: readonly Delivery[];
  /** Subscriptions it is for, and in how many feeds of polled ones it is. */
  readonly fanOut: number;
  readonly inFeeds: number;
  readonly skipped: readonly { readonly subscriptionId: string; readonly reason: string }[];
  readonly unmatchedReason: string | null;
}

const WAIT_MS = 30_000;
const LOOK_EVERY_MS = 200;

export function sendCommand(): Command {
  return remoteCommand('send', 'publish an event; its data is delivered byte for byte', [
    `send --partner acme --type order.created --data '{"orderId":1042}'`,
    'send --partner acme --type order.created --file order.json --wait',
    'send --partner acme --type order.created < order.json',
  ])
    .requiredOption('--partner <id>', 'whom it is for')
    .requiredOption('--type <type>', 'dotted name, such as order.created')
    .option('--data <json>', 'its data; without --data and --file, from standard input')
    .option('--file <file>', 'a file with its data')
    .option('--timestamp <time>', 'when it happened; default: now')
    .option('--lane <lane>', 'a separate queue for a class of traffic')
    .option('--idempotency-key <key>', 'sending again with this key sends nothing twice')
    .option(
      '--wait [duration]',
      'wait for the outcome of its deliveries (default 30s); exit with 1 if one did not succeed',
      toDuration,
    )
    .action(send);
}

async function send(options: SendOptions): Promise<void> {
  const data = checked(await readData(options));
  const client = await createClient(options);
  const { partner: partnerId, type, timestamp, lane, idempotencyKey } = options;
  const head = JSON.stringify({ partnerId, type, ...(timestamp && { timestamp }), ...(lane && { lane }) });
  const body = `${head.slice(0, -1)},"data":${data}}`;
  const headers = idempotencyKey ? { 'idempotency-key': idempotencyKey } : {};
  const event = JSON.parse(await client.text('POST', '/v1/events', { body, headers })) as { id: string };
  if (options.wait === undefined) return options.json ? printJson(event) : console.log(event.id);
  if (!options.json) console.log(event.id);
  const record = await outcomeOf(client, options, event.id);
  if (options.json) printJson({ ...event, ...record });
  else printOutcome(record);
  const failed = record.deliveries.filter(({ state }) => state !== 'succeeded');
  if (failed.length > 0)
    throw new CliError(`${failed.length} of ${record.deliveries.length} deliveries did not succeed yet`);
}

async function readData({ data, file }: SendOptions): Promise<string> {
  if (data !== undefined && file !== undefined) throw usageError('--data and --file exclude each other: give one');
  if (data !== undefined) return data;
  if (file === undefined && process.stdin.isTTY) throw usageError('no data: give --data, --file, or standard input');
  const bytes = file === undefined ? await buffer(process.stdin) : await readFileOrExplain(file);
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(bytes);
  } catch {
    throw new CliError('the data is not UTF-8');
  }
}

function readFileOrExplain(file: string): Promise<Buffer> {
  return readFile(file).catch((error: Error) => {
    throw new CliError(`${file} cannot be read: ${error.message}`);
  });
}

/** It goes into the request as it is, so what is no JSON must not get that far. */
function checked(data: string): string {
  try {
    JSON.parse(data);
    return data;
  } catch (error) {
    throw new CliError(`the data is not JSON: ${(error as Error).message}`);
  }
}

/** Looks until every delivery has ended, or the time is over. */
async function outcomeOf(client: Client, { partner, wait, json }: SendOptions, id: string): Promise<EventRecord> {
  const deadline = Date.now() + (typeof wait === 'number' ? wait : WAIT_MS);
  for (;;) {
    const record = await find(client, partner, id);
    const over = Date.now() > deadline;
    if (record && (over || hasEnded(record))) return record;
    if (over) throw new CliError(`${id} is accepted and not on record yet: is a worker running?`);
    if (record && !json) remark(record);
    await delay(LOOK_EVERY_MS);
  }
}

const remarked = new Set<string>();

function remark({ deliveries }: EventRecord): void {
  for (const { id, attemptCount, lastAttempt, nextAttemptAt } of deliveries) {
    const line = `${id}: attempt ${attemptCount} failed (${lastAttempt?.error}); next at ${nextAttemptAt}`;
    if (lastAttempt && !remarked.has(line)) note(line);
    remarked.add(line);
  }
}

async function find(client: Client, partner: string, id: string): Promise<EventRecord | null> {
  try {
    return await client.call<EventRecord>('GET', path`/v1/partners/${partner}/events/${id}`);
  } catch (error) {
    if (error instanceof ApiProblem && error.status === 404) return null;
    throw error;
  }
}

/** An answer shows so many deliveries at the most. */
const MOST_SHOWN = 250;

/** A delivery is on record with its first result only, so those that are there are not all. */
function hasEnded({ deliveries, fanOut, inFeeds }: EventRecord): boolean {
  const isWhole = deliveries.length + inFeeds >= Math.min(fanOut, MOST_SHOWN);
  return isWhole && deliveries.every(({ state }) => state !== 'pending');
}

function printOutcome({ deliveries, inFeeds, skipped, unmatchedReason }: EventRecord): void {
  for (const { subscriptionId, reason } of skipped) note(`not for ${subscriptionId}: ${reason}`);
  if (unmatchedReason) note(`for nobody: ${unmatchedReason}`);
  if (inFeeds > 0) note(`waits to be polled by ${inFeeds} of them`);
  if (deliveries.length === 0) return;
  printTable(deliveries, {
    DELIVERY: ({ id }) => id,
    SUBSCRIPTION: ({ subscriptionId }) => subscriptionId,
    STATE: ({ state }) => state,
    ATTEMPTS: ({ attemptCount }) => attemptCount,
    'LAST ATTEMPT': ({ lastAttempt }) => lastAttempt?.error ?? lastAttempt?.outcome,
  });
}
