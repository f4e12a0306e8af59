import type { Check } from '../http/deps.ts';
import { createTopicProbe } from '../pubsub/index.ts';
import type { ApiContext } from './context.ts';

/** Part of readiness: can events be published? */
export async function startTopicCheck(api: ApiContext): Promise<() => Promise<Check>> {
  const { transport, aws, log } = api;
  const onTrouble = (error: Error) => log.warn({ err: error }, 'sns.unreachable');
  const probe = createTopicProbe({ topicArn: transport.topicArn, aws, onTrouble });
  await api.lifecycle.start({ name: 'topic-probe', stop: () => probe.close() });
  return async () => ({ name: 'sns', ...(await probe.check()) });
}
