import { glob, readFile } from 'node:fs/promises';
import {
  GetSubscriptionAttributesCommand,
  GetTopicAttributesCommand,
  ListSubscriptionsByTopicCommand,
  SNSClient,
} from '@aws-sdk/client-sns';
import { GetQueueAttributesCommand, SQSClient } from '@aws-sdk/client-sqs';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { DEFAULT_TOPOLOGY } from '../src/default-topology.ts';
import {
  describeTopology,
  ensureTopology,
  type LaneDescription,
  type Topology,
  type TopologyDescription,
} from '../src/pubsub/index.ts';
import { startTestEmulator, type TestEmulator } from './support/emulator.ts';

const described = describeTopology(DEFAULT_TOPOLOGY);

describe('the topology has one definition', () => {
  it('topology.json says what the code says', async () => {
    const committed = await readFile(new URL('../topology.json', import.meta.url), 'utf8');
    expect(JSON.parse(committed), 'run: npm run topology:json').toEqual(described);
  });

  it('Terraform reads topology.json, and leaves out no property of a lane', async () => {
    const files = await Array.fromAsync(glob('terraform/*.tf'));
    const source = (await Promise.all(files.map((file) => readFile(file, 'utf8')))).join('\n');
    // biome-ignore lint/suspicious/noTemplateCurlyInString: Terraform's, not ours
    expect(source).toContain('file("${path.module}/../topology.json")');
    const used = new Set(source.match(/(?<=\b(each\.value|lane)\.)\w+/g));
    const [lane] = described.lanes;
    expect(Object.keys(lane!).filter((property) => !used.has(property))).toEqual([]);
  });

  describe('in SNS and SQS', () => {
    const credentials = { accessKeyId: 'test', secretAccessKey: 'test' };
    let emulator: TestEmulator;
    let sns: SNSClient;
    let sqs: SQSClient;
    let topology: Topology;

    beforeAll(async () => {
      emulator = await startTestEmulator();
      const aws = { region: 'us-east-1', endpoint: emulator.endpoint, credentials };
      sns = new SNSClient(aws);
      sqs = new SQSClient({ ...aws, useQueueUrlAsEndpoint: false });
      topology = await ensureTopology(DEFAULT_TOPOLOGY, aws);
    });
    afterAll(async () => {
      sns.destroy();
      sqs.destroy();
      await emulator.stop();
    });

    async function queueAttributes(QueueUrl: string): Promise<Record<string, string>> {
      const answer = await sqs.send(new GetQueueAttributesCommand({ QueueUrl, AttributeNames: ['All'] }));
      return answer.Attributes!;
    }

    async function subscriptionAttributes(queueArn: string): Promise<Record<string, string>> {
      const { Subscriptions } = await sns.send(new ListSubscriptionsByTopicCommand({ TopicArn: topology.topicArn }));
      const { SubscriptionArn } = Subscriptions!.find(({ Endpoint }) => Endpoint === queueArn)!;
      return (await sns.send(new GetSubscriptionAttributesCommand({ SubscriptionArn }))).Attributes!;
    }

    /** What is really there, in the words of the description. */
    async function readLane(lane: string): Promise<LaneDescription> {
      const { queueUrl, deadLetterQueueUrl } = topology.lanes[lane]!;
      const [queue, dead] = await Promise.all([queueAttributes(queueUrl), queueAttributes(deadLetterQueueUrl)]);
      const subscription = await subscriptionAttributes(queue.QueueArn!);
      const redrive = JSON.parse(queue.RedrivePolicy!);
      expect(redrive.deadLetterTargetArn).toBe(dead.QueueArn);
      expect(JSON.parse(dead.RedriveAllowPolicy!).sourceQueueArns).toEqual([queue.QueueArn]);
      return {
        lane,
        queue: nameOf(queue.QueueArn!),
        deadLetterQueue: nameOf(dead.QueueArn!),
        visibilitySeconds: Number(queue.VisibilityTimeout),
        waitSeconds: Number(queue.ReceiveMessageWaitTimeSeconds),
        retentionSeconds: Number(queue.MessageRetentionPeriod),
        deadLetterRetentionSeconds: Number(dead.MessageRetentionPeriod),
        maxReceiveCount: redrive.maxReceiveCount,
        rawMessageDelivery: JSON.parse(subscription.RawMessageDelivery!),
        filterPolicyScope: subscription.FilterPolicyScope as 'MessageAttributes',
        filterPolicy: JSON.parse(subscription.FilterPolicy ?? 'null'),
      };
    }

    it('there is what the description says, property by property', async () => {
      const { Attributes } = await sns.send(new GetTopicAttributesCommand({ TopicArn: topology.topicArn }));
      const real: TopologyDescription = {
        name: described.name,
        topic: nameOf(Attributes!.TopicArn!),
        lanes: await Promise.all(Object.keys(topology.lanes).map(readLane)),
      };
      expect(real).toEqual(described);
    });
  });
});

const nameOf = (arn: string): string => arn.slice(arn.lastIndexOf(':') + 1);
