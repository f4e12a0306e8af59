import { afterEach } from 'vitest';
import { createEgressGuard } from '../../src/webhook/egress-guard.ts';
import { createSender, type Sender, type SenderOptions } from '../../src/webhook/sender.ts';
import { type Receiver, ROOT } from './receiver.ts';

/** Receivers and senders of one test; all are closed after it, the last one first. */
export interface Testbed {
  /** A sender that may reach loopback and trusts {@link ROOT}. */
  senderWith(options?: Partial<SenderOptions>): Sender;
  use(starting: Promise<Receiver>): Promise<Receiver>;
  cleanUp(step: () => Promise<void>): void;
}

export const loopback = createEgressGuard({ allowedCidrs: ['127.0.0.0/8', '::1/128'] });

export function testbed(): Testbed {
  const steps: (() => Promise<void>)[] = [];
  afterEach(async () => {
    for (const step of steps.splice(0).reverse()) await step();
  });
  return {
    senderWith(options = {}) {
      const sender = createSender({ guard: loopback, tls: { ca: [ROOT] }, ...options });
      steps.push(async () => {
        sender.abortAll('the test is over');
        await sender.close();
      });
      return sender;
    },
    async use(starting) {
      const receiver = await starting;
      steps.push(receiver.close);
      return receiver;
    },
    cleanUp(step) {
      steps.push(step);
    },
  };
}
