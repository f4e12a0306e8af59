import { readFile } from 'node:fs/promises';

/** What of topology.json the settings name. */
interface Topology {
  readonly topic: string;
  readonly lanes: readonly { readonly lane: string; readonly queue: string; readonly deadLetterQueue: string }[];
}

/** LocalStack takes any credentials; without any the AWS SDK would look for somebody's real ones. */
const CREDENTIALS = { AWS_ACCESS_KEY_ID: 'test', AWS_SECRET_ACCESS_KEY: 'test' };

const REGION = 'us-east-1';
const ACCOUNT = '000000000000';

/** Postrider's settings for the topology in the LocalStack at this endpoint, by the names of .env.example. */
export async function settingsFor(endpoint: string): Promise<Record<string, string>> {
  const file = new URL('../topology.json', import.meta.url);
  const { topic, lanes } = JSON.parse(await readFile(file, 'utf8')) as Topology;
  const queueUrl = (name: string) => `${endpoint}/${ACCOUNT}/${name}`;
  // The first lane's names have no infix.
  const prefixOf = (lane: string, at: number) => (at === 0 ? 'EVENTS' : `EVENTS_${lane.toUpperCase()}`);
  const queues = lanes.flatMap(({ lane, queue, deadLetterQueue }, at) => [
    [`${prefixOf(lane, at)}_QUEUE_URL`, queueUrl(queue)],
    [`${prefixOf(lane, at)}_DLQ_URL`, queueUrl(deadLetterQueue)],
  ]);
  return {
    AWS_ENDPOINT_URL: endpoint,
    AWS_REGION: REGION,
    ...CREDENTIALS,
    EVENTS_TOPIC_ARN: `arn:aws:sns:${REGION}:${ACCOUNT}:${topic}`,
    ...Object.fromEntries(queues),
  };
}
