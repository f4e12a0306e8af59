import type { Config } from '../../config.ts';
import { checkTopology } from '../../pubsub/index.ts';
import { type Finding, ok } from './finding.ts';

/** The topic and its queues: there, to be looked at with these credentials, and as they must be. */
export async function checkBus({ transport, dataDir, awsRegion, awsEndpointUrl }: Config): Promise<Finding[]> {
  if (transport === null) return [ok('SNS and SQS', `embedded: postrider start keeps them in ${dataDir}`)];
  const aws = { region: awsRegion, ...(awsEndpointUrl && { endpoint: awsEndpointUrl }) };
  return checkTopology(transport, aws);
}
