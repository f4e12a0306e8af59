import { setTimeout as delay } from 'node:timers/promises';
import { createRateLimit } from '../domain/rate-limit.ts';
import type { ServerDeps } from '../http/deps.ts';
import { buildServer } from '../http/server.ts';
import { version } from '../version.ts';
import { checkTargetUrl, createEgressGuard } from '../webhook/index.ts';
import type { ApiContext } from './context.ts';

/** A stop waits no longer than this share of its grace for load balancers: the rest is for finishing what was taken. */
const DRAIN_SHARE = 0.5;

/** What the server has from the API's other parts; the rest follows from the settings. */
export type PartsOfServer = Omit<
  ServerDeps,
  'version' | 'log' | 'rateLimit' | 'lanes' | 'checkTargetUrl' | 'isStopping' | 'observer' | 'metrics'
>;

/**
 * Opens the front door.
 *
 * @returns the URL it listens on
 */
export async function startServer(api: ApiContext, parts: PartsOfServer): Promise<string> {
  const { config, log, lanes } = api;
  let isStopping = false;
  const guard = createEgressGuard({ allowedCidrs: config.allowedTargetCidrs });
  const server = await buildServer({
    ...parts,
    version,
    log,
    lanes,
    rateLimit: config.apiRateLimit > 0 ? createRateLimit(config.apiRateLimit, Date.now) : null,
    checkTargetUrl: (url) => checkTargetUrl(url, { allowHttp: config.allowHttpTargets, guard }),
    isStopping: () => isStopping,
    observer: api.watch.requests,
    metrics: api.telemetry.expose,
  });
  await api.lifecycle.start({
    name: 'http',
    stop: async (leftMs) => {
      isStopping = true; // the load balancer sees it on /ready, and sends its requests elsewhere
      await delay(Math.min(config.drainDelayMs, leftMs * DRAIN_SHARE));
      await server.close();
    },
  });
  return server.listen({ host: config.host, port: config.port });
}
