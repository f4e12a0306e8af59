import type { Lifecycle } from '../lifecycle.ts';
import type { RoleOptions } from '../role.ts';
import { watchApi } from '../telemetry/index.ts';

export interface ApiOptions extends RoleOptions {
  readonly adminApiKey: string;
}

/** What all parts of the API are built with. */
export interface ApiContext extends ApiOptions {
  readonly lifecycle: Lifecycle;
  readonly lanes: readonly string[];
  /** Wraps what the parts hand around, to measure and trace it. */
  readonly watch: ReturnType<typeof watchApi>;
  /** Postgres is away. */
  onLost(error: unknown): void;
}

export function createContext(lifecycle: Lifecycle, options: ApiOptions): ApiContext {
  const { telemetry, transport, log } = options;
  const lanes = transport.lanes.map(({ name }) => name);
  const onLost = (error: unknown) => log.warn({ err: error }, 'store.connection_lost');
  return { ...options, lifecycle, lanes, watch: watchApi(telemetry, lanes), onLost };
}
