import { GetTopicAttributesCommand, SNSClient } from '@aws-sdk/client-sns';
import { GetQueueAttributesCommand, SQSClient } from '@aws-sdk/client-sqs';
import { type AwsOptions, clientConfig } from './aws-clients.ts';
import type { Credentials, Place } from './sigv4.ts';

/** Where calls go, as the SDK has it. */
export interface Destination extends Place {
  /** Scheme, host and port. */
  origin: string;
}

/** What the SDK knows that a call needs. Both reject with the SDK's errors, for instance without a region. */
export interface Account {
  /** Found out once. */
  destination(): Promise<Destination>;
  /** From the SDK's provider chain, which keeps them, and renews them 5 min before they expire; `renew` forces it to. */
  credentials(renew?: boolean): Promise<Credentials>;
  close(): void;
}

/** A topic's. */
export function createSnsAccount(topicArn: string, aws: AwsOptions): Account {
  const client = new SNSClient(clientConfig(aws));
  client.middlewareStack.add(holdBack, LAST_BEFORE_SENDING);
  return createAccount(client, () => client.send(new GetTopicAttributesCommand({ TopicArn: topicArn })));
}

/** A queue's: its URL names the host, unless an endpoint is set. */
export function createSqsAccount(queueUrl: string, aws: AwsOptions): Account {
  const client = new SQSClient({ ...clientConfig(aws), useQueueUrlAsEndpoint: aws.endpoint === undefined });
  client.middlewareStack.add(holdBack, LAST_BEFORE_SENDING);
  return createAccount(client, () => client.send(new GetQueueAttributesCommand({ QueueUrl: queueUrl })));
}

/** A request as the SDK hands it to its HTTP handler. */
interface PreparedRequest {
  protocol: string;
  hostname: string;
  port?: number;
  path: string;
  headers: Record<string, string>;
}

class NotSent extends Error {
  readonly request: PreparedRequest;

  constructor(request: PreparedRequest) {
    super('held back');
    this.request = request;
  }
}

/** Once the request is signed, and before it is sent. */
const LAST_BEFORE_SENDING = { step: 'finalizeRequest', priority: 'low', name: 'holdBack' } as const;

function holdBack() {
  return ({ request }: { request: unknown }) => Promise.reject(new NotSent(request as PreparedRequest));
}

/**
 * The SDK prepares and signs one call that is held back, and its destination is read off: so endpoint settings of every
 * kind (environment, profile, FIPS, dual stack, partitions) count as they do in the SDK.
 */
function createAccount(client: SNSClient | SQSClient, prepare: () => Promise<unknown>): Account {
  let known: Promise<Destination> | undefined;

  async function findOut(): Promise<Destination> {
    const error = await prepare().catch((reason: unknown) => reason);
    if (!(error instanceof NotSent)) throw error;
    return toDestination(error.request);
  }

  return {
    destination() {
      known ??= findOut().catch((error: unknown) => {
        known = undefined;
        throw error;
      });
      return known;
    },
    credentials: (renew = false) => client.config.credentials({ forceRefresh: renew }),
    close: () => client.destroy(),
  };
}

/** Access key, day, region and service in an Authorization header. */
const SCOPE = /Credential=[^/]+\/\d{8}\/([^/]+)\/([^/]+)\/aws4_request/;

function toDestination({ protocol, hostname, port, path, headers }: PreparedRequest): Destination {
  const { origin, host } = new URL(`${protocol}//${hostname}${port === undefined ? '' : `:${port}`}`);
  const [, region = '', service = ''] = SCOPE.exec(headers.authorization ?? '') ?? [];
  return { origin, host, path, region, service };
}
