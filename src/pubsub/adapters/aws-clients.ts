import type { SNSClientConfig } from '@aws-sdk/client-sns';

/** How to reach AWS; what is left out comes from the SDK's own settings (environment, profile, instance role). */
export interface AwsOptions {
  region?: string;
  /** Base URL of an emulator. Queue URLs are then only names: their host is not contacted. */
  endpoint?: string;
  /** Fixed credentials; an emulator takes any. */
  credentials?: { accessKeyId: string; secretAccessKey: string; sessionToken?: string };
  /** When a call that is no long poll is given up, in milliseconds. Default 5,000. */
  requestTimeoutMs?: number;
}

/** Default of `requestTimeoutMs`. */
export const REQUEST_TIMEOUT_MS = 5_000;

/** Time to reach the service, in milliseconds. */
const CONNECT_TIMEOUT_MS = 3_000;

/** Settings common to the SDK's clients. Whoever calls retries, and knows deadlines: the SDK tries once. */
export function clientConfig(options: AwsOptions): SNSClientConfig {
  const config: SNSClientConfig = {
    requestHandler: {
      connectionTimeout: CONNECT_TIMEOUT_MS,
      requestTimeout: options.requestTimeoutMs ?? REQUEST_TIMEOUT_MS,
      // Without it a timeout only warns.
      throwOnRequestTimeout: true,
    },
    maxAttempts: 1,
  };
  if (options.region !== undefined) config.region = options.region;
  if (options.endpoint !== undefined) config.endpoint = options.endpoint;
  if (options.credentials !== undefined) config.credentials = options.credentials;
  return config;
}
