import type { Command } from 'commander';
import { signingKey } from '../domain/signature.ts';
import { newSecret, parseSecret, SECRET_RULE, showSecret } from '../http/secret-text.ts';
import { type Client, createClient, type RemoteOptions } from './client.ts';
import { remoteCommand } from './command.ts';
import { usageError } from './errors.ts';
import { createForward, type Forwarded } from './forward.ts';
import { note } from './output.ts';
import { path } from './pages.ts';
import { feedEnd, pollFeed } from './poll.ts';

interface ListenOptions extends RemoteOptions {
  readonly partner: string;
  readonly forward: string;
  readonly subscription?: string;
  readonly events?: string;
  readonly secret?: string;
  readonly cursor?: string;
  readonly sinceBeginning?: boolean;
}

export function listenCommand(): Command {
  return remoteCommand('listen', 'bring a partner’s events to a receiver on this machine, signed like webhooks', [
    'listen --partner acme --forward http://localhost:3000/hooks',
    'listen --partner acme --forward http://localhost:3000/hooks --events "order.*,invoice.paid"',
    'listen --partner acme --forward http://localhost:3000/hooks --subscription sub_01h455vb4pex5vsknk084sn02q --since-beginning',
  ])
    .requiredOption('--partner <id>', 'whose events')
    .requiredOption('--forward <url>', 'the receiver, such as http://localhost:3000/hooks')
    .option('--subscription <id>', 'one without URL; default: a temporary one, which ends with this command')
    .option('--events <types>', 'event types of the temporary subscription, with commas (default *)')
    .option('--secret <secret>', 'whsec_… (or whsk_…) to sign with; default: a new one, printed at the start')
    .option('--cursor <cursor>', 'go on from here; default: from now')
    .option('--since-beginning', 'from the oldest event that is kept')
    .action(listen);
}

async function listen(options: ListenOptions): Promise<void> {
  const secret = options.secret === undefined ? newSecret('hmac-sha256') : parseSecret(options.secret);
  if (!secret) throw usageError(`--secret ${SECRET_RULE}`);
  if (!URL.canParse(options.forward)) throw usageError('--forward must be a URL such as http://localhost:3000/hooks');
  if (options.subscription && options.events) throw usageError('--events is for the temporary subscription only');
  const client = await createClient(options);
  const ending = untilInterrupted();
  const feed = await openFeed(client, options);
  const say = options.json ? sayJson : sayPlainly;
  const shown = showSecret(secret);
  say.started({ ...shown, subscriptionId: feed.subscriptionId, forward: options.forward });
  const forward = createForward({
    url: options.forward,
    key: signingKey(secret.algorithm, secret.bytes),
    onResult: say.forwarded,
    signal: ending,
  });
  try {
    const cursor = await pollFeed({
      client,
      path: `${feed.path}/events`,
      cursor: feed.cursor,
      forward,
      signal: ending,
    });
    if (!feed.temporary) say.ended(cursor);
  } finally {
    if (feed.temporary) await removeFeed(client, feed.path);
  }
}

/** Ctrl-C once ends the command in order, a second one at once. */
function untilInterrupted(): AbortSignal {
  const ending = new AbortController();
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => ending.abort());
  return ending.signal;
}

interface OpenFeed {
  readonly subscriptionId: string;
  readonly path: string;
  readonly cursor: string | undefined;
  readonly temporary: boolean;
}

async function openFeed(client: Client, options: ListenOptions): Promise<OpenFeed> {
  const { partner, subscription, events = '*', cursor, sinceBeginning } = options;
  const collection = path`/v1/partners/${partner}/subscriptions`;
  if (subscription !== undefined) {
    const one = `${collection}${path`/${subscription}`}`;
    const from = sinceBeginning ? undefined : (cursor ?? (await feedEnd(client, `${one}/events`)));
    return { subscriptionId: subscription, path: one, cursor: from, temporary: false };
  }
  const eventTypes = events.split(',').map((type) => type.trim());
  const description = 'Temporary: of postrider listen, which deletes it at its end';
  const made = await client.call<{ id: string }>('POST', collection, { url: null, eventTypes, description });
  return { subscriptionId: made.id, path: `${collection}/${made.id}`, cursor: undefined, temporary: true };
}

async function removeFeed(client: Client, one: string): Promise<void> {
  await client
    .call('DELETE', one)
    .catch((error: Error) => note(`the temporary subscription is left behind (DELETE ${one}): ${error.message}`));
}

interface Started {
  readonly secret: string | null;
  readonly publicKey: string | null;
  readonly subscriptionId: string;
  readonly forward: string;
}

const sayPlainly = {
  started: ({ secret, publicKey, subscriptionId, forward }: Started) => {
    console.log(`Signing ${secret ? `secret  ${secret}` : `key  ${publicKey}`}`);
    console.log(`Listening to ${subscriptionId}, forwarding to ${forward} (end with Ctrl-C)\n`);
  },
  forwarded: ({ event, statusCode, error, durationMs }: Forwarded) => {
    const result = statusCode === null ? `${error}: trying again` : `${statusCode} (${Math.round(durationMs)} ms)`;
    console.log(`${new Date().toTimeString().slice(0, 8)}  ${event.type}  ${event.id}  → ${result}`);
  },
  ended: (cursor: string | undefined) => cursor && note(`\nGo on with: --cursor ${cursor}`),
};

const sayJson: typeof sayPlainly = {
  started: (started) => console.log(JSON.stringify(started)),
  forwarded: ({ event: { id, type }, ...result }) => console.log(JSON.stringify({ eventId: id, type, ...result })),
  ended: (cursor) => console.log(JSON.stringify({ cursor })),
};
