import { CreateTopicCommand, PublishCommand, SNSClient, SubscribeCommand } from '@aws-sdk/client-sns';
import {
  CreateQueueCommand,
  ReceiveMessageCommand,
  SendMessageBatchCommand,
  SendMessageCommand,
} from '@aws-sdk/client-sqs';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { startTestEmulator, type TestEmulator } from '../support/emulator.ts';
import { sqsAt } from './support.ts';

let emulator: TestEmulator;
let sqs: ReturnType<typeof sqsAt>;
let QueueUrl: string | undefined;

beforeAll(async () => {
  emulator = await startTestEmulator();
  sqs = sqsAt(emulator.endpoint);
  ({ QueueUrl } = await sqs.send(new CreateQueueCommand({ QueueName: 'emoji' })));
});
afterAll(() => emulator.stop());

async function receiveOne(): Promise<string | undefined> {
  const { Messages } = await sqs.send(new ReceiveMessageCommand({ QueueUrl, WaitTimeSeconds: 2 }));
  return Messages?.[0]?.Body;
}

test.each(['🎉', '\u{10000}\u{10FFFF}', 'é ü 漢 \t\r\n \uFFFD'])('%j arrives as it was sent', async (body) => {
  await sqs.send(new SendMessageCommand({ QueueUrl, MessageBody: body }));
  expect(await receiveOne()).toBe(body);
  await sqs.send(new SendMessageBatchCommand({ QueueUrl, Entries: [{ Id: 'a', MessageBody: body }] }));
  expect(await receiveOne()).toBe(body);
});

test.each(['\uD83C', '\uDF89', '\u0000', '\uFFFE'])('%j is rejected, as SQS does', async (body) => {
  await expect(sqs.send(new SendMessageCommand({ QueueUrl, MessageBody: body }))).rejects.toThrow('Invalid characters');
});

test('emoji pass from SNS to SQS', async () => {
  const credentials = { accessKeyId: 'any', secretAccessKey: 'any' };
  const sns = new SNSClient({ endpoint: emulator.endpoint, region: 'us-east-1', credentials });
  const { TopicArn } = await sns.send(new CreateTopicCommand({ Name: 'emoji' }));
  const Endpoint = 'arn:aws:sqs:us-east-1:000000000000:emoji';
  await sns.send(
    new SubscribeCommand({ TopicArn, Protocol: 'sqs', Endpoint, Attributes: { RawMessageDelivery: 'true' } }),
  );

  await sns.send(new PublishCommand({ TopicArn, Message: '{"party":"🎉"}' }));

  expect(await receiveOne()).toBe('{"party":"🎉"}');
});
