import type { AcceptProblem } from '../pipeline/accept.ts';
import { createPublisher, createSnsTransport, type Publisher } from '../pubsub/index.ts';
import type { ApiContext } from './context.ts';

/** The way into the topic, for events and for dead letters that are redriven. */
export async function startPublisher({ lifecycle, transport, aws, watch }: ApiContext): Promise<Publisher> {
  const topic = watch.topic(createSnsTransport({ topicArn: transport.topicArn, aws }));
  const publisher = createPublisher({ transport: topic });
  await lifecycle.start({ name: 'publisher', stop: () => publisher.close() });
  return publisher;
}

/** The API's word for why the transport did not take something, where that is not simply that it is away. */
export const PROBLEMS: Readonly<Record<string, AcceptProblem>> = {
  too_large: 'too_large',
  invalid_characters: 'invalid_characters',
  saturated: 'overloaded',
};
