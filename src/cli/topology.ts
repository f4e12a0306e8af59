import { type Command, InvalidArgumentError } from 'commander';
import { readConfig } from '../config.ts';
import { DEFAULT_TOPOLOGY } from '../default-topology.ts';
import type { AwsOptions, Topology, TopologyChange, TopologyDefinition } from '../pubsub/index.ts';
import { command } from './command.ts';
import { CliError, USAGE } from './errors.ts';
import { note, printJson } from './output.ts';

interface TopologyOptions {
  readonly name: string;
  readonly lanes: string[];
  readonly json?: boolean;
  readonly detailedExitcode?: boolean;
}

/** plan, apply and show: the topic, its lanes and their dead-letter queues, in AWS or at AWS_ENDPOINT_URL. */
export function topologyCommand(): Command {
  const examples = ['topology plan', 'topology apply --name acme --lanes live,bulk', 'topology show >> .env'];
  return command('topology', 'make the SNS topic and the SQS queues, or see what differs', examples)
    .addCommand(
      subcommand('plan', 'print what apply would create or change; changes nothing', ['topology plan'])
        .option('--detailed-exitcode', 'exit with 2 when there is something to change')
        .action(plan),
    )
    .addCommand(
      subcommand('apply', 'create what is missing and set what differs', [
        'topology apply',
        'topology apply --name staging --lanes live,bulk,reports',
      ]).action(apply),
    )
    .addCommand(
      subcommand('show', 'print the environment variables of a topology that exists', ['topology show >> .env']).action(
        show,
      ),
    );
}

const subcommand = (name: string, description: string, examples: readonly string[]) =>
  command(name, description, examples)
    .option('--name <name>', 'prefix of all names', toName, DEFAULT_TOPOLOGY.name)
    .option('--lanes <lanes>', 'lanes, with commas; the first is live', toLanes, [...DEFAULT_TOPOLOGY.lanes])
    .option('--json', 'print JSON');

function toName(text: string): string {
  if (/^[A-Za-z0-9_-]{1,40}$/.test(text)) return text;
  throw new InvalidArgumentError('It must be up to 40 letters, digits, - and _.');
}

/** Lanes are part of environment variables' names, and the first one's has no infix. */
function toLanes(text: string): string[] {
  const lanes = text.split(',').map((lane) => lane.trim());
  if (lanes[0] !== 'live') throw new InvalidArgumentError('The first lane must be live.');
  if (!lanes.every((lane) => /^[a-z0-9_]{1,20}$/.test(lane)) || new Set(lanes).size < lanes.length) {
    throw new InvalidArgumentError('Lanes must be different, of up to 20 lower-case letters, digits and _.');
  }
  return lanes;
}

const definitionOf = ({ name, lanes }: TopologyOptions): TopologyDefinition => ({ ...DEFAULT_TOPOLOGY, name, lanes });

/** Loaded when needed: the AWS SDK takes a quarter of a second. */
const pubsub = () => import('../pubsub/index.ts');

function aws(): AwsOptions {
  const { awsRegion, awsEndpointUrl } = readConfig(process.env, 'database'); // only where AWS is: nothing else need be set
  return { region: awsRegion, ...(awsEndpointUrl && { endpoint: awsEndpointUrl }) };
}

async function plan(options: TopologyOptions): Promise<void> {
  const { planTopology } = await pubsub();
  const { changes } = await planTopology(definitionOf(options), aws());
  if (options.json) printJson({ changes });
  else console.log(changes.length === 0 ? 'nothing to do: all is as defined' : changes.map(changeText).join('\n'));
  if (options.detailedExitcode && changes.length > 0) process.exitCode = USAGE; // 2, as of terraform plan
}

function changeText({ action, part, name, attributes }: TopologyChange): string {
  const what = part === 'subscription' ? `SNS subscription of ${name}` : `${part} ${name}`;
  const lines = attributes.map(
    ({ attribute, actual, wanted }) => `\n    ${attribute}: ${actual ?? '(not set)'} → ${wanted}`,
  );
  return `${action === 'create' ? '+ create' : '~ change'} ${what}${lines.join('')}`;
}

async function apply(options: TopologyOptions): Promise<void> {
  const { ensureTopology } = await pubsub();
  const topology = await ensureTopology(definitionOf(options), aws());
  if (!options.json) note('all is as defined; the settings for it:\n');
  print(topology, options);
}

async function show(options: TopologyOptions): Promise<void> {
  const { planTopology } = await pubsub();
  const { topology, changes } = await planTopology(definitionOf(options), aws());
  if (!topology)
    throw new CliError(`there is no such topology (${changes.length} parts are missing): postrider topology apply`);
  if (changes.length > 0) note(`${changes.length} part(s) are not as defined: see postrider topology plan`);
  print(topology, options);
}

function print(topology: Topology, { json }: TopologyOptions): void {
  const variables = environmentOf(topology);
  if (json) printJson({ ...topology, environment: variables });
  else for (const [name, value] of Object.entries(variables)) console.log(`${name}=${value}`);
}

/** What the service is told a topology by. */
function environmentOf({ topicArn, lanes }: Topology): Record<string, string> {
  const variables = Object.entries(lanes).flatMap(([lane, { queueUrl, deadLetterQueueUrl }]) => {
    const prefix = lane === 'live' ? 'EVENTS' : `EVENTS_${lane.toUpperCase()}`;
    return [
      [`${prefix}_QUEUE_URL`, queueUrl],
      [`${prefix}_DLQ_URL`, deadLetterQueueUrl],
    ];
  });
  return { EVENTS_TOPIC_ARN: topicArn, ...Object.fromEntries(variables) };
}
