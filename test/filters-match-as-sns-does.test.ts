import { CreateTopicCommand, PublishBatchCommand, SNSClient, SubscribeCommand } from '@aws-sdk/client-sns';
import { CreateQueueCommand, GetQueueAttributesCommand, ReceiveMessageCommand, SQSClient } from '@aws-sdk/client-sqs';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { compileFilter } from '../src/domain/filter.ts';
import { FILTER_CASES, type FilterCase } from './filter-table.ts';
import { startTestEmulator, type TestEmulator } from './support/emulator.ts';
import { until } from './support/until.ts';

let emulator: TestEmulator;
let sns: SNSClient;
let sqs: SQSClient;

beforeAll(async () => {
  emulator = await startTestEmulator();
  const credentials = { accessKeyId: 'test', secretAccessKey: 'test' };
  const config = { region: 'us-east-1', endpoint: emulator.endpoint, credentials };
  sns = new SNSClient(config);
  sqs = new SQSClient(config);
});
afterAll(async () => {
  sns.destroy();
  sqs.destroy();
  await emulator.stop();
});

/** A queue that receives from the topic what passes the policy. */
async function subscribe(TopicArn: string, name: string, policy?: object): Promise<string> {
  const { QueueUrl } = await sqs.send(new CreateQueueCommand({ QueueName: name }));
  const { Attributes } = await sqs.send(new GetQueueAttributesCommand({ QueueUrl, AttributeNames: ['QueueArn'] }));
  const filter = policy && { FilterPolicyScope: 'MessageBody', FilterPolicy: JSON.stringify(policy) };
  const subscription = { TopicArn, Protocol: 'sqs', Endpoint: Attributes?.QueueArn as string };
  await sns.send(new SubscribeCommand({ ...subscription, Attributes: { RawMessageDelivery: 'true', ...filter } }));
  return QueueUrl as string;
}

const received = async (QueueUrl: string): Promise<string[]> => {
  const { Messages = [] } = await sqs.send(new ReceiveMessageCommand({ QueueUrl, MaxNumberOfMessages: 10 }));
  return Messages.map(({ Body }) => Body as string);
};

/** Which of the bodies SNS lets through. A queue without a filter, served last, tells when all have been judged. */
async function passEmulator(policy: object, bodies: readonly string[], n: number): Promise<Set<string>> {
  const { TopicArn } = await sns.send(new CreateTopicCommand({ Name: `filter-${n}` }));
  const filtered = await subscribe(TopicArn as string, `filtered-${n}`, policy);
  const all = await subscribe(TopicArn as string, `all-${n}`);
  const entries = bodies.map((Message, at) => ({ Id: String(at), Message }));
  await sns.send(new PublishBatchCommand({ TopicArn, PublishBatchRequestEntries: entries }));
  const arrived = new Set<string>();
  await until(
    async () => {
      for (const body of await received(all)) arrived.add(body);
      return arrived.size;
    },
    (count) => count === bodies.length,
  );
  return new Set(await received(filtered));
}

function verdicts({ policy, takes, refuses }: FilterCase): Set<string> {
  const compiled = compileFilter(JSON.parse(JSON.stringify(policy)));
  if (!compiled.ok) throw new Error(`${JSON.stringify(policy)}: ${JSON.stringify(compiled.faults)}`);
  return new Set([...takes, ...refuses].filter((body) => compiled.filter.matches(JSON.parse(body))));
}

it('every operator decides as AWS documents it, and as the emulator does wherever that follows AWS', async () => {
  expect(FILTER_CASES.flatMap(({ takes, refuses }) => [...takes, ...refuses]).length).toBeGreaterThan(150);
  for (const each of FILTER_CASES) expect([...verdicts(each)], JSON.stringify(each.policy)).toEqual(each.takes);
  const surprises = await Promise.all(
    FILTER_CASES.map(async ({ policy, takes, refuses, emulatorDiffers = {} }, n) => {
      const bodies = [...takes, ...refuses];
      const passed = await passEmulator(policy, bodies, n);
      const asExpected = (body: string) => passed.has(body) === (takes.includes(body) !== body in emulatorDiffers);
      return bodies.filter((body) => !asExpected(body)).map((body) => `${JSON.stringify(policy)} on ${body}`);
    }),
  );
  expect(surprises.flat()).toEqual([]);
});
