import { describeContract } from './contract.ts';
import { memoryBroker } from './harness.ts';

describeContract('in process', async () => memoryBroker());
