import { once } from 'node:events';
import net from 'node:net';

/** A way to a server that can be shut: what the server holds survives what its clients see as an outage. */
export interface Gate {
  /** Lets connections in, always on the same port, which it gives. */
  open(): Promise<number>;
  /** Refuses connections, and cuts those that exist. */
  shut(): Promise<void>;
}

/** A gate in front of this port of 127.0.0.1; shut to begin with. */
export function createGate(target: number): Gate {
  const sockets = new Set<net.Socket>();
  let server: net.Server | undefined;
  let port = 0;

  function join(client: net.Socket): void {
    const upstream = net.connect(target, '127.0.0.1');
    for (const [one, other] of [
      [client, upstream],
      [upstream, client],
    ] as const) {
      sockets.add(one);
      one.setNoDelay(true).pipe(other);
      one.on('error', () => other.destroy());
      one.on('close', () => {
        sockets.delete(one);
        other.destroy();
      });
    }
  }

  return {
    async open() {
      if (server !== undefined) return port;
      server = net.createServer(join).listen(port, '127.0.0.1');
      await once(server, 'listening');
      port = (server.address() as net.AddressInfo).port;
      return port;
    },
    async shut() {
      if (server === undefined) return;
      const closed = once(server, 'close');
      server.close();
      server = undefined;
      for (const socket of sockets) socket.destroy();
      await closed;
    },
  };
}
