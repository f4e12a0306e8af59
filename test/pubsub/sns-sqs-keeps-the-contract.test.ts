import { describeContract } from './contract.ts';
import { emulatorBroker } from './harness.ts';

describeContract('SNS and SQS', emulatorBroker);
