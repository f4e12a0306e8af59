import type { Logger } from 'pino';
import { type Config, configOrExit, type Role, type TransportConfig } from './config.ts';
import { type Lifecycle, runProcess } from './lifecycle.ts';
import { createLog } from './log.ts';
import type { AwsOptions } from './pubsub/index.ts';
import { startTelemetry, type Telemetry } from './telemetry/index.ts';
import { version } from './version.ts';

/** What a role needs beyond the settings: where things are, once that is settled. */
export interface RoleOptions extends ProcessOptions {
  readonly databaseUrl: string;
  readonly transport: TransportConfig;
  readonly aws: AwsOptions;
  readonly encryptionKeys: readonly Buffer[];
}

/** What all roles of a process share. */
interface ProcessOptions {
  readonly config: Config;
  readonly log: Logger;
  readonly telemetry: Telemetry;
}

/**
 * Runs a process by the environment: reads its settings, builds it, and stops it when it is told to. What it tells of itself is
 * there first and stopped last.
 */
export async function runRole(
  role: Role,
  build: (lifecycle: Lifecycle, own: ProcessOptions) => Promise<void>,
): Promise<void> {
  const config = configOrExit(process.env, role);
  const telemetry = await startTelemetry(version, config.tracing);
  const log = createLog(config.logLevel, telemetry.traceId);
  await runProcess(log, config.shutdownGraceMs, async (lifecycle) => {
    await lifecycle.start({ name: 'telemetry', stop: telemetry.stop });
    await build(lifecycle, { config, log, telemetry });
  });
}

/** Where things are for a role that runs by itself: its settings have to say. */
export function settled(own: ProcessOptions): RoleOptions {
  const { databaseUrl, transport, encryptionKeys } = own.config;
  return {
    ...own,
    databaseUrl: databaseUrl as string,
    transport: transport as TransportConfig,
    aws: awsOptions(own.config),
    encryptionKeys,
  };
}

export function awsOptions({ awsRegion, awsEndpointUrl }: Config): AwsOptions {
  return { region: awsRegion, ...(awsEndpointUrl && { endpoint: awsEndpointUrl }) };
}
