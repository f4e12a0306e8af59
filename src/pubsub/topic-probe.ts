import { GetTopicAttributesCommand, SNSClient } from '@aws-sdk/client-sns';
import { type AwsOptions, clientConfig } from './adapters/aws-clients.ts';
import { isUntrusted, toTransportError } from './adapters/aws-errors.ts';
import type { TransportError } from './transport.ts';

/** Can the topic be used right now. `detail` names no account: anybody may read it. */
export type TopicState = { readonly ok: true } | { readonly ok: false; readonly detail: string };

export interface TopicProbeOptions {
  readonly topicArn: string;
  readonly aws?: AwsOptions;
  /** Told when trouble begins, not at every look while it lasts. */
  onTrouble?(error: Error): void;
  /** How long a good answer is given again without asking, in milliseconds. Default 10,000. */
  readonly freshMs?: number;
  /** The same for a bad one: recovery is to be seen sooner. Default 2,000. */
  readonly retryMs?: number;
}

export interface TopicProbe {
  /** Asks SNS, if it was not asked just now; does not reject. */
  check(): Promise<TopicState>;
  close(): void;
}

/** No answer within this counts as away: whoever asks for readiness has a deadline too. */
const PATIENCE_MS = 2_000;

/** SNS answers, and says that this caller may not look (publishing is another permission), or not so often. */
const ANSWERED = /^(Authorization|AccessDenied|Throttl|TooManyRequests)/;

/**
 * Asks SNS for the topic's attributes, while somebody wants to know: a few calls a minute, beside the publisher's. The publisher's
 * own outcomes would say nothing without traffic, and an API that is taken out of traffic would never be ready again.
 */
export function createTopicProbe(options: TopicProbeOptions): TopicProbe {
  const { topicArn, aws = {}, onTrouble, freshMs = 10_000, retryMs = 2_000 } = options;
  const client = new SNSClient(clientConfig({ ...aws, requestTimeoutMs: PATIENCE_MS }));
  let last: { readonly state: TopicState; readonly at: number } | undefined;
  let asking: Promise<TopicState> | undefined;

  async function ask(): Promise<TopicState> {
    const command = new GetTopicAttributesCommand({ TopicArn: topicArn });
    const error = await client
      .send(command, { abortSignal: AbortSignal.timeout(PATIENCE_MS) })
      .then(() => null, toTransportError);
    const state: TopicState =
      error === null || ANSWERED.test(error.code) ? { ok: true } : { ok: false, detail: detailOf(error) };
    if (error && !state.ok && last?.state.ok !== false) onTrouble?.(error);
    last = { state, at: performance.now() };
    return state;
  }

  return {
    async check() {
      if (last && performance.now() - last.at < (last.state.ok ? freshMs : retryMs)) return last.state;
      asking ??= ask().finally(() => {
        asking = undefined;
      });
      return asking;
    },
    close: () => client.destroy(),
  };
}

function detailOf(error: TransportError): string {
  if (error.code.startsWith('NotFound')) return 'the topic does not exist';
  if (isUntrusted(error)) return 'SNS does not accept the credentials';
  if (error.code.startsWith('Credentials')) return 'there are no AWS credentials';
  return 'SNS cannot be reached';
}
