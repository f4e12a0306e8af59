import type { OutgoingMessage } from '../message.ts';
import type { QueueDepth, ReceivedMessage, ReceiveRequest, TransportError, VisibilityChange } from '../transport.ts';
import { type BatchAnswer, type Entry, inOrder, serviceError } from './aws-errors.ts';
import type { Answer } from './http.ts';

/*
 * The calls of SQS in AWS JSON 1.0 (https://smithy.io/2.0/aws/protocols/aws-json-1_0-protocol.html). In batches, entry
 * ids are positions.
 */

export const SQS_CONTENT_TYPE = 'application/x-amz-json-1.0';

/** A call: its name goes into `x-amz-target`. */
export type SqsOperation =
  | 'ReceiveMessage'
  | 'DeleteMessageBatch'
  | 'ChangeMessageVisibilityBatch'
  | 'SendMessageBatch'
  | 'GetQueueAttributes';

export function toReceive(QueueUrl: string, request: ReceiveRequest) {
  return {
    QueueUrl,
    MaxNumberOfMessages: request.maxMessages,
    WaitTimeSeconds: request.waitSeconds,
    VisibilityTimeout: request.visibilitySeconds,
    MessageAttributeNames: ['All'],
    MessageSystemAttributeNames: ['SentTimestamp', 'ApproximateReceiveCount', 'MessageGroupId'],
  };
}

export function toDelete(QueueUrl: string, receipts: readonly string[]) {
  return { QueueUrl, Entries: receipts.map((ReceiptHandle, i) => ({ Id: String(i), ReceiptHandle })) };
}

export function toVisibility(QueueUrl: string, changes: readonly VisibilityChange[]) {
  const toEntry = ({ receipt, seconds }: VisibilityChange, i: number) => ({
    Id: String(i),
    ReceiptHandle: receipt,
    VisibilityTimeout: seconds,
  });
  return { QueueUrl, Entries: changes.map(toEntry) };
}

export function toSend(QueueUrl: string, messages: readonly OutgoingMessage[]) {
  const toEntry = (message: OutgoingMessage, i: number) => ({
    Id: String(i),
    MessageBody: message.body,
    MessageGroupId: message.groupId,
    MessageAttributes: toAttributes(message.attributes),
  });
  return { QueueUrl, Entries: messages.map(toEntry) };
}

interface StringAttribute {
  DataType: 'String';
  StringValue: string;
}

function toAttributes(attributes: Readonly<Record<string, string>>): Record<string, StringAttribute> {
  const typed: Record<string, StringAttribute> = {};
  for (const name in attributes) typed[name] = { DataType: 'String', StringValue: attributes[name]! };
  return typed;
}

export function toDepth(QueueUrl: string) {
  const of = (suffix: string) => `ApproximateNumberOfMessages${suffix}`;
  return { QueueUrl, AttributeNames: [of(''), of('NotVisible'), of('Delayed')] };
}

/** Reads the answer to a call with this many entries. */
export function readEntries(count: number, json: string): Entry[] {
  return inOrder(count, JSON.parse(json) as BatchAnswer);
}

interface WireMessage {
  MessageId: string;
  ReceiptHandle: string;
  Body: string;
  Attributes: { SentTimestamp: string; ApproximateReceiveCount: string; MessageGroupId?: string };
  MessageAttributes?: Record<string, { StringValue?: string }>;
}

/** Reads the answer to ReceiveMessage. */
export function readMessages(json: string): ReceivedMessage[] {
  const { Messages = [] } = JSON.parse(json) as { Messages?: WireMessage[] };
  return Messages.map(toReceived);
}

function toReceived(message: WireMessage): ReceivedMessage {
  const system = message.Attributes;
  const received: ReceivedMessage = {
    id: message.MessageId,
    receipt: message.ReceiptHandle,
    body: message.Body,
    attributes: {},
    sentAt: Number(system.SentTimestamp),
    receiveCount: Number(system.ApproximateReceiveCount),
  };
  if (system.MessageGroupId !== undefined) received.groupId = system.MessageGroupId;
  const attributes = message.MessageAttributes;
  // Binary attributes, which only foreign producers send, are left out.
  for (const name in attributes) {
    const value = attributes[name]?.StringValue;
    if (value !== undefined) received.attributes[name] = value;
  }
  return received;
}

/** Reads the answer to `toDepth`. */
export function readDepth(json: string): QueueDepth {
  const { Attributes = {} } = JSON.parse(json) as { Attributes?: Record<string, string> };
  return {
    waiting: Number(Attributes.ApproximateNumberOfMessages),
    inFlight: Number(Attributes.ApproximateNumberOfMessagesNotVisible),
    delayed: Number(Attributes.ApproximateNumberOfMessagesDelayed ?? 0),
  };
}

/**
 * The error in any other answer than a good one. Its name is in `__type` behind a namespace; in the header it has the
 * name of the old protocol, before a `;Sender` or `;Receiver`.
 */
export function readSqsError({ status, headers, text }: Answer): TransportError {
  const { __type = '', message, Message } = parseError(text);
  const header = String(headers['x-amzn-query-error'] ?? '').replace(/;.*/, '');
  const code = __type.replace(/^.*#/, '') || header.replace(/^AWS\.SimpleQueueService\./, '') || `Http${status}`;
  return serviceError(code, message ?? Message ?? text.slice(0, 200));
}

function parseError(text: string): { __type?: string; message?: string; Message?: string } {
  try {
    return JSON.parse(text) ?? {};
  } catch {
    return {};
  }
}
