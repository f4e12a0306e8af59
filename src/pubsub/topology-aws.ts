import {
  GetSubscriptionAttributesCommand,
  paginateListSubscriptionsByTopic,
  paginateListTopics,
  SNSClient,
} from '@aws-sdk/client-sns';
import { GetQueueAttributesCommand, GetQueueUrlCommand, SQSClient } from '@aws-sdk/client-sqs';
import pRetry from 'p-retry';
import { type AwsOptions, clientConfig } from './adapters/aws-clients.ts';
import { isTransient, toTransportError } from './adapters/aws-errors.ts';
import type { Attributes } from './topology-wanted.ts';

/** Where a topology is, once it exists. */
export interface Topology {
  topicArn: string;
  /** By lane name. */
  lanes: Record<string, { queueUrl: string; deadLetterQueueUrl: string }>;
}

export interface Clients {
  sns: SNSClient;
  sqs: SQSClient;
}

export interface Queue {
  url: string;
  arn: string;
  attributes: Attributes;
}

/** A queue takes up to 60 s to be free again after it was deleted; everything else transient is over sooner. */
const BACKOFF = { retries: Number.POSITIVE_INFINITY, minTimeout: 200, maxTimeout: 5_000, randomize: true };

/** Calls with clients that are closed afterwards, again for `retryForMs` on transient errors. Rejects with TransportError. */
export async function withClients<T>(
  aws: AwsOptions,
  retryForMs: number,
  call: (clients: Clients) => Promise<T>,
): Promise<T> {
  const config = clientConfig(aws);
  const clients: Clients = { sns: new SNSClient(config), sqs: new SQSClient(config) };
  const shouldRetry = ({ error }: { error: Error }) => isTransient(error) || /QueueDeletedRecently/.test(error.name);
  try {
    return await pRetry(() => call(clients), { ...BACKOFF, maxRetryTime: retryForMs, shouldRetry });
  } catch (error) {
    throw toTransportError(error);
  } finally {
    clients.sns.destroy();
    clients.sqs.destroy();
  }
}

/** A topic's ARN by its name. SNS has no look-up by name, so the account's topics are listed, 100 a call. */
export async function findTopic({ sns }: Clients, name: string): Promise<string | undefined> {
  for await (const page of paginateListTopics({ client: sns }, {})) {
    const found = page.Topics?.find(({ TopicArn }) => TopicArn?.endsWith(`:${name}`));
    if (found) return found.TopicArn;
  }
  return undefined;
}

/** A queue by its name, with all its attributes. */
export async function findQueue(clients: Clients, name: string): Promise<Queue | undefined> {
  try {
    const { QueueUrl = '' } = await clients.sqs.send(new GetQueueUrlCommand({ QueueName: name }));
    return await readQueue(clients, QueueUrl);
  } catch (error) {
    if (error instanceof Error && isMissingCode(error.name)) return undefined;
    throw error;
  }
}

/** Whether an error of this name says that a queue or topic is not there. */
export const isMissingCode = (code: string): boolean => /QueueDoesNotExist|NonExistentQueue|^NotFound/.test(code);

/** A queue with all its attributes. */
export async function readQueue({ sqs }: Clients, url: string): Promise<Queue> {
  const { Attributes = {} } = await sqs.send(new GetQueueAttributesCommand({ QueueUrl: url, AttributeNames: ['All'] }));
  return { url, arn: Attributes.QueueArn ?? '', attributes: Attributes };
}

/** The ARN of the SNS subscription by which a topic sends to a queue. */
export async function findSubscription({ sns }: Clients, TopicArn: string, queueArn: string) {
  for await (const page of paginateListSubscriptionsByTopic({ client: sns }, { TopicArn })) {
    const found = page.Subscriptions?.find((one) => one.Protocol === 'sqs' && one.Endpoint === queueArn);
    if (found?.SubscriptionArn !== undefined) return found.SubscriptionArn;
  }
  return undefined;
}

export async function readSubscription({ sns }: Clients, SubscriptionArn: string): Promise<Attributes> {
  const { Attributes = {} } = await sns.send(new GetSubscriptionAttributesCommand({ SubscriptionArn }));
  return Attributes;
}
