import { PublishCommand, SNSClient } from '@aws-sdk/client-sns';
import {
  GetQueueAttributesCommand,
  ListQueuesCommand,
  SetQueueAttributesCommand,
  SQSClient,
} from '@aws-sdk/client-sqs';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createSqsTransport, ensureTopology, type TransportError } from '../../src/pubsub/index.ts';
import { type Emulator, startEmulator } from './emulator.ts';
import { freshDefinition } from './harness.ts';

describe('ensureTopology', () => {
  let emulator: Emulator;
  let sqs: SQSClient;
  let sns: SNSClient;

  beforeAll(async () => {
    emulator = await startEmulator();
    const config = { ...emulator.aws, region: 'us-east-1' } as const;
    sqs = new SQSClient({ ...config, useQueueUrlAsEndpoint: false } as ConstructorParameters<typeof SQSClient>[0] &
      object);
    sns = new SNSClient(config as ConstructorParameters<typeof SNSClient>[0] & object);
  });
  afterAll(async () => {
    sqs.destroy();
    sns.destroy();
    await emulator.stop();
  });

  async function attributes(QueueUrl: string) {
    const answer = await sqs.send(new GetQueueAttributesCommand({ QueueUrl, AttributeNames: ['All'] }));
    return answer.Attributes!;
  }

  /** Sends without this library, as a producer would, and answers the lanes that got it. */
  async function lanesReached(topology: Awaited<ReturnType<typeof ensureTopology>>, lane: string): Promise<string[]> {
    await sns.send(
      new PublishCommand({
        TopicArn: topology.topicArn,
        Message: '{}',
        MessageAttributes: { lane: { DataType: 'String', StringValue: lane } },
      }),
    );
    const looks = Object.entries(topology.lanes).map(async ([name, { queueUrl }]) => {
      const queue = createSqsTransport({ queueUrl, aws: emulator.aws });
      // SNS passes on in its own time: a lane that should get nothing is given as long to get it.
      const messages = await queue.receive({ maxMessages: 10, waitSeconds: 2, visibilitySeconds: 60 });
      queue.close();
      return messages.length > 0 ? [name] : [];
    });
    return (await Promise.all(looks)).flat();
  }

  it('creates topic, lanes, dead-letter queues and filters', async () => {
    const topology = await ensureTopology(freshDefinition(), emulator.aws);
    const { queueUrl, deadLetterQueueUrl } = topology.lanes.live!;
    const [queue, dead] = [await attributes(queueUrl), await attributes(deadLetterQueueUrl)];
    expect(queue).toMatchObject({ VisibilityTimeout: '30', ReceiveMessageWaitTimeSeconds: '20' });
    expect(JSON.parse(queue.RedrivePolicy!)).toEqual({ deadLetterTargetArn: dead.QueueArn, maxReceiveCount: 10 });
    expect(JSON.parse(queue.Policy!).Statement[0].Condition.ArnEquals['aws:SourceArn']).toBe(topology.topicArn);
    expect(dead.MessageRetentionPeriod).toBe('1209600');
    expect(await lanesReached(topology, 'bulk')).toEqual(['bulk']);
    expect(await lanesReached(topology, 'live')).toEqual(['live']);
  });

  it('is the same a second time, and for several processes at once', async () => {
    const definition = freshDefinition();
    const all = await Promise.all(Array.from({ length: 4 }, () => ensureTopology(definition, emulator.aws)));
    all.push(await ensureTopology(definition, emulator.aws));
    expect(new Set(all.map((topology) => JSON.stringify(topology))).size).toBe(1);
    const queues = await sqs.send(new ListQueuesCommand({ QueueNamePrefix: `${definition.name}-` }));
    expect(queues.QueueUrls).toHaveLength(4);
    expect(await lanesReached(all[0]!, 'bulk')).toEqual(['bulk']);
  });

  it('repairs what was changed', async () => {
    const definition = freshDefinition();
    const { lanes } = await ensureTopology(definition, emulator.aws);
    const QueueUrl = lanes.live!.queueUrl;
    const Attributes = { VisibilityTimeout: '5', Policy: '{}', RedrivePolicy: '' };
    await sqs.send(new SetQueueAttributesCommand({ QueueUrl, Attributes }));
    await ensureTopology({ ...definition, maxReceiveCount: 3 }, emulator.aws);
    const repaired = await attributes(QueueUrl);
    expect(repaired.VisibilityTimeout).toBe('30');
    expect(JSON.parse(repaired.RedrivePolicy!).maxReceiveCount).toBe(3);
    expect(JSON.parse(repaired.Policy!).Statement).toHaveLength(1);
  });

  it('adds a lane and takes it away again', async () => {
    const definition = freshDefinition({ lanes: ['live'] });
    const one = await ensureTopology(definition, emulator.aws);
    expect(await lanesReached(one, 'bulk')).toEqual(['live']);
    const two = await ensureTopology({ ...definition, lanes: ['live', 'bulk'] }, emulator.aws);
    expect(await lanesReached(two, 'bulk')).toEqual(['bulk']);
    const again = await ensureTopology(definition, emulator.aws);
    expect(await lanesReached(again, 'bulk')).toEqual(['live']);
  });

  it('waits for a broker that starts later, and gives up in the end', async () => {
    const definition = freshDefinition();
    await emulator.setDown(true);
    const refused: Promise<TransportError> = ensureTopology(definition, emulator.aws, { retryForMs: 300 }).then(
      () => expect.fail('it was down'),
      (error) => error,
    );
    expect((await refused).code).toBe('ECONNREFUSED');
    const waiting = ensureTopology(definition, emulator.aws);
    await emulator.setDown(false);
    expect((await waiting).topicArn).toContain(definition.name);
  });
});
