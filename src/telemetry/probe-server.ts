import { once } from 'node:events';
import { createServer, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { Exposition } from './metrics.ts';

/** One thing that has to be well. */
export interface ProbeCheck {
  readonly name: string;
  readonly ok: boolean;
  readonly detail?: string;
}

export interface ProbeServerOptions {
  readonly host: string;
  readonly port: number;
  expose(): Promise<Exposition>;
  /** Does not reject. */
  readiness(): Promise<readonly ProbeCheck[]>;
}

export interface ProbeServer {
  readonly url: string;
  stop(): Promise<void>;
}

/**
 * GET /health, /ready and /metrics of a process without an API, in plain HTTP and without keys: for a port that only the inside
 * of a network can reach.
 *
 * @throws when the port is taken
 */
export async function startProbeServer({ host, port, expose, readiness }: ProbeServerOptions): Promise<ProbeServer> {
  async function answer(path: string | undefined, response: ServerResponse): Promise<void> {
    if (path === '/health') return json(response, 200, { status: 'ok' });
    if (path === '/ready') {
      const checks = await readiness();
      const ready = checks.every(({ ok }) => ok);
      return json(response, ready ? 200 : 503, { ready, checks });
    }
    if (path !== '/metrics') return json(response, 404, { error: 'there is /health, /ready and /metrics' });
    const { contentType, body } = await expose();
    response.writeHead(200, { 'content-type': contentType }).end(body);
  }

  const server = createServer((request, response) => {
    if (request.method !== 'GET' && request.method !== 'HEAD') return json(response, 405, { error: 'only GET' });
    answer(request.url?.split('?', 1)[0], response).catch((error) => json(response, 500, { error: String(error) }));
  });
  server.listen(port, host);
  await once(server, 'listening').catch((error: NodeJS.ErrnoException) => {
    throw error.code === 'EADDRINUSE' ? new Error(`METRICS_PORT ${port} is taken: choose another one, or 0`) : error;
  });
  const { port: bound } = server.address() as AddressInfo;
  return {
    url: `http://${host.includes(':') ? `[${host}]` : host}:${bound}`,
    stop: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}

function json(response: ServerResponse, status: number, body: object): void {
  response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(body));
}
