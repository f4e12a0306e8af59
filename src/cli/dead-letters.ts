import { type Command, Option } from 'commander';
import { DEAD_LETTER_REASONS } from '../domain/dead-letter.ts';
import { createClient, type RemoteOptions } from './client.ts';
import { command, remoteCommand } from './command.ts';
import { usageError } from './errors.ts';
import { printFacts, printJson, printTable } from './output.ts';
import { path, readList } from './pages.ts';
import { toCount, toPast } from './times.ts';

interface DeadLetter {
  readonly id: string;
  readonly state: string;
  readonly lane: string;
  readonly reason: string;
  readonly detail: string;
  readonly partnerId: string | null;
  readonly receiveCount: number;
  readonly firstSeenAt: string;
  readonly lastSeenAt: string;
  readonly redriveAt: string | null;
  readonly redrivenAt: string | null;
  readonly attributes: unknown;
  readonly body: string;
}

interface Filter {
  readonly reason?: string;
  readonly lane?: string;
  readonly partner?: string;
  readonly since?: string;
  readonly until?: string;
}

const AN_ID = 'dl_01h455vb4pex5vsknk084sn02q';

export function deadLettersCommand(): Command {
  return command('dead-letters', 'messages that never became an event', [
    'dead-letters list',
    `dead-letters redrive ${AN_ID}`,
  ])
    .addCommand(
      filtered(
        remoteCommand('list', 'list dead letters', [
          'dead-letters list',
          'dead-letters list --reason malformed --since 2h',
        ]),
      )
        .addOption(new Option('--state <state>', 'which').choices(['waiting', 'redriven']).default('waiting'))
        .option('--limit <n>', 'so many', toCount, 50)
        .action(list),
    )
    .addCommand(
      remoteCommand('show', 'show a dead letter with its body', [`dead-letters show ${AN_ID}`])
        .argument('<id>', 'its id, dl_…')
        .action(show),
    )
    .addCommand(
      filtered(
        remoteCommand('redrive', 'publish dead letters again, as they came', [
          `dead-letters redrive ${AN_ID}`,
          'dead-letters redrive --all --reason receive_limit --since 2h',
        ]),
      )
        .argument('[ids...]', 'their ids, dl_…')
        .option('--all', 'all that wait and fit the filters, in the background')
        .action(redrive),
    )
    .addCommand(
      remoteCommand('discard', 'delete dead letters', [`dead-letters discard ${AN_ID}`])
        .argument('<ids...>', 'their ids, dl_…')
        .action(discard),
    );
}

const filtered = (to: Command): Command =>
  to
    .addOption(new Option('--reason <reason>', 'only for this reason').choices(DEAD_LETTER_REASONS))
    .option('--lane <lane>', 'only of this lane')
    .option('--partner <id>', 'only of this partner')
    .option('--since <when>', 'put on record since: a duration (2h) or a time', toPast)
    .option('--until <when>', 'put on record before: a duration (1h) or a time', toPast);

const filterOf = ({ reason, lane, partner: partnerId, since, until }: Filter) => ({
  reason,
  lane,
  partnerId,
  since,
  until,
});

async function list(options: RemoteOptions & Filter & { state: string; limit: number }): Promise<void> {
  const query = { state: options.state, ...filterOf(options) };
  const rows = await readList<DeadLetter>(await createClient(options), '/v1/dead-letters', query, options.limit);
  if (options.json) return printJson(rows);
  printTable(rows, {
    ID: ({ id }) => id,
    LANE: ({ lane }) => lane,
    REASON: ({ reason }) => reason,
    PARTNER: ({ partnerId }) => partnerId,
    'LAST SEEN': ({ lastSeenAt }) => lastSeenAt,
    DETAIL: ({ detail }) => detail,
  });
}

async function show(id: string, options: RemoteOptions): Promise<void> {
  const client = await createClient(options);
  const letter = await client.call<DeadLetter>('GET', path`/v1/dead-letters/${id}`);
  if (options.json) return printJson(letter);
  const { body, attributes, partnerId: partner, ...rest } = letter;
  printFacts({ ...rest, partner, attributes: JSON.stringify(attributes) });
  console.log(`\n${body}`);
}

async function redrive(ids: readonly string[], options: RemoteOptions & Filter & { all?: boolean }): Promise<void> {
  const filters = Object.values(filterOf(options)).some((value) => value !== undefined);
  if (options.all ? ids.length > 0 : ids.length === 0 || filters) {
    throw usageError('give ids, or --all with or without filters');
  }
  const client = await createClient(options);
  if (options.all) {
    const { count } = await client.call<{ count: number }>('POST', '/v1/dead-letters/redrive', filterOf(options));
    if (options.json) return printJson({ count });
    return console.log(`${count} in line: 50 are published a second`);
  }
  const redriven: DeadLetter[] = [];
  for (const id of ids) {
    redriven.push(await client.call<DeadLetter>('POST', path`/v1/dead-letters/${id}/redrive`));
    if (!options.json) console.log(`redriven ${id}`);
  }
  if (options.json) printJson(redriven);
}

async function discard(ids: readonly string[], options: RemoteOptions): Promise<void> {
  const client = await createClient(options);
  for (const id of ids) {
    await client.call('DELETE', path`/v1/dead-letters/${id}`);
    if (!options.json) console.log(`discarded ${id}`);
  }
  if (options.json) printJson(ids.map((id) => ({ id, discarded: true })));
}
