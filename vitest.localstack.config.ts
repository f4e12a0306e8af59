import { configDefaults, defineConfig, mergeConfig } from 'vitest/config';
import base from './vitest.config.ts';

/** The suites in which SNS and SQS have a say, on LocalStack. What is left out needs neither, or measures rates. */
const SUITES = [
  'test/pubsub/sns-sqs-keeps-the-contract.test.ts',
  'test/pubsub/topology-is-repaired.test.ts',
  'test/localstack/*.test.ts',
  'test/a-failing-subscription-is-left-alone.test.ts',
  'test/bytes-arrive-identical.test.ts',
  'test/dead-letters-come-back-through-the-front-door.test.ts',
  'test/faults-lose-nothing.test.ts',
  'test/malformed-messages-become-dead-letters.test.ts',
  'test/no-needless-duplicates.test.ts',
  'test/nothing-is-missed-after-subscribing.test.ts',
  'test/rotated-secrets-overlap.test.ts',
  'test/stop-is-graceful.test.ts',
  'test/trace-context-travels.test.ts',
];

const merged = mergeConfig(
  base,
  defineConfig({ test: { globalSetup: ['test/support/localstack-setup.ts'], testTimeout: 60_000 } }),
);

// Merging would add to these lists.
export default { ...merged, test: { ...merged.test, include: SUITES, exclude: configDefaults.exclude } };
