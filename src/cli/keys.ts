import { type Command, Option } from 'commander';
import { createClient, type RemoteOptions } from './client.ts';
import { command, remoteCommand } from './command.ts';
import { usageError } from './errors.ts';
import { printFacts, printJson, printTable } from './output.ts';
import { path, readList } from './pages.ts';
import { toCount, toFuture } from './times.ts';

interface ApiKey {
  readonly id: string;
  readonly name: string;
  readonly scope: string;
  readonly partnerId: string | null;
  readonly hint: string;
  readonly expiresAt: string | null;
  readonly lastUsedAt: string | null;
}

interface PartnerOptions extends RemoteOptions {
  readonly partner?: string;
}

interface CreateOptions extends PartnerOptions {
  readonly name: string;
  readonly scope: string;
  readonly expires?: string;
}

export function keysCommand(): Command {
  return command('keys', 'API keys', ['keys list', 'keys create --name "order service" --scope publish'])
    .addCommand(
      remoteCommand('create', 'create an API key; it is shown once', [
        'keys create --name "order service" --scope publish',
        'keys create --name "acme portal" --scope partner --partner acme --expires 90d',
      ])
        .requiredOption('--name <name>', 'for people')
        .addOption(
          new Option('--scope <scope>', 'what it may do')
            .choices(['admin', 'publish', 'partner'])
            .makeOptionMandatory(),
        )
        .option('--partner <id>', 'scope partner: whose it is; scope publish: the only one to publish for')
        .option('--expires <when>', 'duration or time after which it no longer works', toFuture)
        .action(create),
    )
    .addCommand(
      remoteCommand('list', 'list API keys', ['keys list', 'keys list --partner acme'])
        .option('--partner <id>', 'only this partner’s own')
        .option('--limit <n>', 'so many', toCount, 50)
        .action(list),
    )
    .addCommand(
      remoteCommand('revoke', 'revoke an API key: it works no longer', ['keys revoke key_01h455vb4pex5vsknk084sn02q'])
        .argument('<id>', 'its id, key_…')
        .option('--partner <id>', 'whose it is: with a key of scope partner')
        .action(revoke),
    );
}

async function create({ name, scope, partner, expires, ...remote }: CreateOptions): Promise<void> {
  if (scope === 'partner' && !partner) throw usageError('--scope partner needs --partner <id>');
  const client = await createClient(remote);
  const body = { name, ...(expires && { expiresAt: expires }) };
  const made =
    scope === 'partner'
      ? await client.call<ApiKey & { key: string }>('POST', collection(partner), body)
      : await client.call<ApiKey & { key: string }>('POST', collection(), {
          ...body,
          scope,
          partnerId: partner ?? null,
        });
  if (remote.json) return printJson(made);
  printFacts({ id: made.id, scope: made.scope, partner: made.partnerId, expires: made.expiresAt, key: made.key });
}

const collection = (partner?: string): string =>
  partner === undefined ? '/v1/api-keys' : path`/v1/partners/${partner}/api-keys`;

async function list({ partner, limit, ...remote }: PartnerOptions & { limit: number }): Promise<void> {
  const rows = await readList<ApiKey>(await createClient(remote), collection(partner), {}, limit);
  if (remote.json) return printJson(rows);
  printTable(rows, {
    ID: ({ id }) => id,
    NAME: ({ name }) => name,
    SCOPE: ({ scope }) => scope,
    PARTNER: ({ partnerId }) => partnerId,
    ENDS: ({ hint }) => `…${hint}`,
    EXPIRES: ({ expiresAt }) => expiresAt,
    'LAST USED': ({ lastUsedAt }) => lastUsedAt,
  });
}

async function revoke(id: string, { partner, ...remote }: PartnerOptions): Promise<void> {
  const client = await createClient(remote);
  await client.call('DELETE', `${collection(partner)}${path`/${id}`}`);
  if (remote.json) printJson({ id, revoked: true });
  else console.log(`revoked ${id}`);
}
