import type { QueueTransport, SendTransport } from '../transport.ts';
import { createSnsAccount, createSqsAccount } from './aws-account.ts';
import { type AwsOptions, REQUEST_TIMEOUT_MS } from './aws-clients.ts';
import { createConnections } from './http.ts';
import { type Call, createSignedCalls } from './signed-calls.ts';
import { readPublished, readSnsError, SNS_CONTENT_TYPE, toPublishForm } from './sns-wire.ts';
import {
  readDepth,
  readEntries,
  readMessages,
  readSqsError,
  SQS_CONTENT_TYPE,
  type SqsOperation,
  toDelete,
  toDepth,
  toReceive,
  toSend,
  toVisibility,
} from './sqs-wire.ts';

/*
 * The calls made per message are signed and sent here and not by the SDK. CPU per message of 1 KiB, in batches of ten:
 * publish 25–31 µs (SDK 96–105), receive 21–22 (73), delete 14 (46–53). The SDK gives what is made once: destination,
 * credentials, topology.
 */

/** Added to the wait of a long poll, for its answer to arrive. */
const POLL_MARGIN_SECONDS = 5;

/** Publishes to an SNS topic. `MessageGroupId` is set on every message: SQS fair queues work on it. */
export function createSnsTransport(options: { topicArn: string; aws?: AwsOptions }): SendTransport {
  const { topicArn, aws = {} } = options;
  const timeoutMs = aws.requestTimeoutMs ?? REQUEST_TIMEOUT_MS;
  const account = createSnsAccount(topicArn, aws);
  const call = createSignedCalls(account, readSnsError);
  const connections = createConnections();
  return {
    async publishBatch(messages) {
      const body = toPublishForm(topicArn, messages);
      const request = { connections, timeoutMs, contentType: SNS_CONTENT_TYPE, body };
      return call(request, (xml) => readPublished(messages.length, xml));
    },
    close() {
      account.close();
      void connections.destroy();
    },
  };
}

/** Receives from an SQS queue, settles its messages, and sends to it directly. */
export function createSqsTransport(options: { queueUrl: string; aws?: AwsOptions }): QueueTransport {
  const { queueUrl, aws = {} } = options;
  const timeoutMs = aws.requestTimeoutMs ?? REQUEST_TIMEOUT_MS;
  const account = createSqsAccount(queueUrl, aws);
  const call = createSignedCalls(account, readSqsError);
  // Long polls hold their connections for up to 20 s; the few calls beside them keep to their own, which stay busy.
  const calls = createConnections();
  const polls = createConnections();

  function toCall(operation: SqsOperation, input: object): Call {
    const body = Buffer.from(JSON.stringify(input));
    return { connections: calls, timeoutMs, contentType: SQS_CONTENT_TYPE, target: `AmazonSQS.${operation}`, body };
  }

  function callBatch(operation: SqsOperation, input: { Entries: object[] }) {
    return call(toCall(operation, input), (json) => readEntries(input.Entries.length, json));
  }

  return {
    publishBatch: (messages) => callBatch('SendMessageBatch', toSend(queueUrl, messages)),
    receive(request) {
      const poll = toCall('ReceiveMessage', toReceive(queueUrl, request));
      const pollTimeoutMs = (request.waitSeconds + POLL_MARGIN_SECONDS) * 1_000;
      return call({ ...poll, connections: polls, timeoutMs: pollTimeoutMs, signal: request.signal }, readMessages);
    },
    deleteBatch: (receipts) => callBatch('DeleteMessageBatch', toDelete(queueUrl, receipts)),
    changeVisibilityBatch: (changes) => callBatch('ChangeMessageVisibilityBatch', toVisibility(queueUrl, changes)),
    depth: () => call(toCall('GetQueueAttributes', toDepth(queueUrl)), readDepth),
    close() {
      account.close();
      void calls.destroy();
      void polls.destroy();
    },
  };
}
