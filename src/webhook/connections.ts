import { Client } from 'undici';
import type { Connect, Phases, Target } from './connector.ts';

/** A connection to a receiver, for one request at a time. */
export interface Connection {
  readonly origin: string;
  readonly client: Client;
  /** How the open connection came about. */
  phases: Phases;
  /** Requests begun on the open connection. */
  requests: number;
  open: boolean;
  busy: boolean;
  aborter: AbortController;
}

/** The connections of a sender: kept alive, per origin, and forgotten when they close. */
export interface Connections {
  /** An idle connection, the one used last, so that the others may age; else a new one. */
  acquire(origin: string): Connection;
  /** Its request is over. */
  release(connection: Connection): void;
  /** Closes it, whatever state it is in; a request under way fails with `reason`. */
  discard(connection: Connection, reason: Error): void;
  /** Closes all. */
  destroy(): Promise<void>;
  /** How many there are, for tests and metrics. */
  readonly size: number;
}

/**
 * undici's own Pool would do, but for three things: it marks a client free one turn of the event loop after its answer, so that
 * a plain sequence of requests takes two connections; it keeps closed clients for as long as it lives; and it does not say
 * which connection a request went to.
 */
export function createConnections(connect: Connect): Connections {
  const idle = new Map<string, Connection[]>();
  const all = new Set<Connection>();

  const forget = (connection: Connection): void => {
    all.delete(connection);
    const siblings = idle.get(connection.origin);
    const at = siblings?.indexOf(connection) ?? -1;
    if (at >= 0) siblings?.splice(at, 1);
    if (siblings?.length === 0) idle.delete(connection.origin);
  };
  const discard = (connection: Connection, reason: Error): void => {
    forget(connection);
    connection.aborter.abort(reason);
    connection.client.destroy(reason, () => undefined);
  };
  const add = (origin: string): Connection => {
    const connection = newConnection(origin, connect);
    connection.client.on('connect', () => {
      connection.open = true;
    });
    connection.client.on('disconnect', (_origin, _targets, error) => {
      connection.open = false;
      if (!connection.busy) discard(connection, error); // a busy one reconnects, or its request fails and release() sees to it
    });
    all.add(connection);
    return connection;
  };
  return {
    acquire(origin) {
      const connection = idle.get(origin)?.pop() ?? add(origin);
      connection.busy = true;
      return connection;
    },
    release(connection) {
      connection.busy = false;
      if (!connection.open) return discard(connection, new Error('closed'));
      const siblings = idle.get(connection.origin);
      if (siblings) siblings.push(connection);
      else idle.set(connection.origin, [connection]);
    },
    discard,
    async destroy() {
      const clients = [...all].map((connection) => connection.client);
      for (const connection of [...all]) discard(connection, new Error('the sender is closed'));
      await Promise.all(clients.map((client) => client.destroy()));
    },
    get size() {
      return all.size;
    },
  };
}

/** undici closes an idle connection after 4 s, or 2 s before the receiver's Keep-Alive hint ends, a minute at most. */
const KEEP_ALIVE = { keepAliveTimeout: 4000, keepAliveMaxTimeout: 60_000, keepAliveTimeoutThreshold: 2000 };

/** Time is kept by the exchange as a whole, so undici's own timers are off. Headers beyond 64 KiB are no answer. */
const CLIENT_OPTIONS = { ...KEEP_ALIVE, headersTimeout: 0, bodyTimeout: 0, maxHeaderSize: 65_536, allowH2: false };

function newConnection(origin: string, connect: Connect): Connection {
  const client = new Client(origin, {
    ...CLIENT_OPTIONS,
    connect: (options, callback) => {
      connection.phases = { dnsMs: null, connectMs: null, tlsMs: null };
      connection.requests = 0;
      connection.aborter = new AbortController();
      connect(targetOf(options), connection.phases, connection.aborter).then(
        (socket) => callback(null, socket),
        (error: Error) => callback(error, null),
      );
    },
  });
  const phases = { dnsMs: null, connectMs: null, tlsMs: null };
  const connection: Connection = {
    ...{ origin, client, phases, requests: 0 },
    ...{ open: false, busy: false, aborter: new AbortController() },
  };
  return connection;
}

function targetOf({ protocol, hostname, port }: { protocol: string; hostname: string; port: string }): Target {
  const secure = protocol === 'https:';
  return { secure, hostname, port: Number(port) || (secure ? 443 : 80) };
}
