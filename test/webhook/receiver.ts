import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { createServer as createHttp, type RequestListener, type Server } from 'node:http';
import { createServer as createHttps } from 'node:https';
import { type AddressInfo, createServer as createTcp, type Socket, type Server as TcpServer } from 'node:net';
import type { AttemptRequest, AttemptResult } from '../../src/domain/attempt.ts';

/** A server on loopback that a test sends to. Counts the connections it gets. */
export interface Receiver {
  readonly port: number;
  readonly url: string;
  connections(): number;
  /** Resolves when no connection is open any more. */
  allClosed(): Promise<void>;
  close(): Promise<void>;
}

type Certificate = 'valid' | 'expired' | 'self-signed' | 'wrong-name';

const fixture = (name: string): string => readFileSync(new URL(`./fixtures/${name}`, import.meta.url), 'utf8');

/** The root that signed `valid`, `expired` and `wrong-name`. */
export const ROOT = fixture('ca.pem');

/** Answers every request in the same way, once it is read. */
export const answering =
  (status: number, headers: Record<string, string | string[]> = {}, body: string | Buffer = ''): RequestListener =>
  (request, response) => {
    request.resume().on('end', () => response.writeHead(status, headers).end(body));
  };

export const httpReceiver = (listener: RequestListener): Promise<Receiver> => listening(createHttp(listener), 'http');

export const tlsReceiver = (certificate: Certificate, listener: RequestListener, options = {}): Promise<Receiver> =>
  listening(
    createHttps({ key: fixture('server.key'), cert: fixture(`${certificate}.pem`), ...options }, listener),
    'https',
  );

/** Answers bytes with bytes. */
export const tcpReceiver = (onConnection: (socket: Socket) => void): Promise<Receiver> =>
  listening(
    createTcp((socket) => {
      socket.on('error', () => undefined);
      onConnection(socket);
    }),
    'http',
  );

/** Answers a request's first bytes with `text`, as it stands. */
export const rawReceiver = (text: string): Promise<Receiver> =>
  tcpReceiver((socket) => socket.once('data', () => socket.write(text)));

async function listening(server: Server | TcpServer, protocol: string): Promise<Receiver> {
  const open = new Set<Socket>();
  const waiting: (() => void)[] = [];
  let count = 0;
  server.on('connection', (socket: Socket) => {
    count++;
    open.add(socket);
    socket.once('close', () => {
      open.delete(socket);
      if (open.size === 0) for (const done of waiting.splice(0)) done();
    });
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  return {
    port,
    url: `${protocol}://127.0.0.1:${port}/hook`,
    connections: () => count,
    allClosed: async () => {
      if (open.size > 0) await new Promise<void>((resolve) => waiting.push(resolve));
    },
    close: async () => {
      for (const socket of open) socket.destroy();
      if (server.listening) await new Promise<void>((resolve) => server.close(() => resolve()));
    },
  };
}

export const post = (url: string, overrides: Partial<AttemptRequest> = {}): AttemptRequest => ({
  url,
  headers: { 'content-type': 'application/json', 'webhook-id': 'evt_1' },
  body: '{"type":"order.created","data":{"name":"Zoë 🚲"}}',
  timeoutMs: 5000,
  ...overrides,
});

/** What most tests look at. */
export const brief = ({ outcome, error, response }: AttemptResult) => ({
  outcome,
  error,
  status: response?.statusCode ?? null,
});
