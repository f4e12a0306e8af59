import { fork } from 'node:child_process';
import { once } from 'node:events';
import net from 'node:net';
import type { AwsOptions } from '../../src/pubsub/index.ts';

/** An emulator behind a gate that can be shut: its messages survive what its clients see as an outage. */
export interface Emulator {
  aws: AwsOptions;
  /** Refuses connections and cuts those that exist, or lets them in again. */
  setDown(down: boolean): Promise<void>;
  stop(): Promise<void>;
}

export async function startEmulator(): Promise<Emulator> {
  const child = fork(new URL('./emulator-child.ts', import.meta.url), { execArgv: [] });
  const [{ port }] = (await once(child, 'message')) as [{ port: number }];
  const gate = createGate(port);
  const endpoint = `http://127.0.0.1:${await gate.open()}`;
  return {
    aws: { region: 'us-east-1', endpoint, credentials: { accessKeyId: 'test', secretAccessKey: 'test' } },
    setDown: async (down) => {
      await (down ? gate.shut() : gate.open());
    },
    async stop() {
      await gate.shut();
      const exited = once(child, 'exit');
      child.kill('SIGKILL');
      await exited;
    },
  };
}

function createGate(target: number) {
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
    async open(): Promise<number> {
      if (server !== undefined) return port;
      server = net.createServer(join).listen(port, '127.0.0.1');
      await once(server, 'listening');
      port = (server.address() as net.AddressInfo).port;
      return port;
    },
    async shut(): Promise<void> {
      if (server === undefined) return;
      const closed = once(server, 'close');
      server.close();
      server = undefined;
      for (const socket of sockets) socket.destroy();
      await closed;
    },
  };
}
