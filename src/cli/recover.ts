import { setTimeout as delay } from 'node:timers/promises';
import { type Command, InvalidArgumentError } from 'commander';
import { MISSED_STATES } from '../domain/recovery.ts';
import { type Client, createClient, type RemoteOptions } from './client.ts';
import { remoteCommand } from './command.ts';
import { CliError } from './errors.ts';
import { note, printFacts, printJson } from './output.ts';
import { path } from './pages.ts';
import { toPast } from './times.ts';

interface RecoverOptions extends RemoteOptions {
  readonly partner: string;
  readonly subscription: string;
  readonly since: string;
  readonly until?: string;
  readonly states?: string[];
  readonly wait?: boolean;
}

interface Recovery {
  readonly id: string;
  readonly since: string;
  readonly until: string;
  readonly states: readonly string[];
  readonly state: string;
  readonly total: number | null;
  readonly scanned: number;
  readonly redelivered: number;
}

const LOOK_EVERY_MS = 500;

export function recoverCommand(): Command {
  return remoteCommand('recover', 'deliver again what a subscription missed in a time range', [
    'recover --partner acme --subscription sub_01h455vb4pex5vsknk084sn02q --since 2h',
    'recover --partner acme --subscription sub_01h455vb4pex5vsknk084sn02q --since 2026-01-31T12:00:00Z --states exhausted,skipped --wait',
  ])
    .requiredOption('--partner <id>', 'whose')
    .requiredOption('--subscription <id>', 'its id, sub_…')
    .requiredOption('--since <when>', 'events accepted since: a duration (2h) or a time', toPast)
    .option('--until <when>', 'events accepted before: a duration (1h) or a time; default: now', toPast)
    .option('--states <states>', `with commas: ${MISSED_STATES.join(', ')}, all; default: exhausted`, toStates)
    .option('--wait', 'wait until all of it is pending again')
    .action(recover);
}

function toStates(text: string): string[] {
  const states = text.split(',').map((state) => state.trim());
  const known: readonly string[] = [...MISSED_STATES, 'all'];
  if (states.every((state) => known.includes(state))) return states;
  throw new InvalidArgumentError(`They must be of ${known.join(', ')}, with commas.`);
}

async function recover({
  partner,
  subscription,
  since,
  until,
  states,
  wait,
  ...remote
}: RecoverOptions): Promise<void> {
  const client = await createClient(remote);
  const collection = path`/v1/partners/${partner}/subscriptions/${subscription}/recoveries`;
  const body = { since, ...(until && { until }), ...(states && { states }) };
  const started = await client.call<Recovery>('POST', collection, body);
  const shown = wait ? await untilOver(client, `${collection}/${started.id}`) : started;
  if (remote.json) printJson(shown);
  else printRecovery(shown);
  if (shown.state === 'canceled') throw new CliError(`${shown.id} was canceled`);
}

async function untilOver(client: Client, url: string): Promise<Recovery> {
  for (let last = ''; ; ) {
    const recovery = await client.call<Recovery>('GET', url);
    const progress = `${recovery.scanned} of ${recovery.total ?? '?'} looked at, ${recovery.redelivered} pending again`;
    if (recovery.state !== 'running') return recovery;
    if (progress !== last) note(progress);
    last = progress;
    await delay(LOOK_EVERY_MS);
  }
}

function printRecovery({ id, state, since, until, states, scanned, redelivered }: Recovery): void {
  printFacts({ id, state, since, until, states: states.join(', '), scanned, redelivered });
}
