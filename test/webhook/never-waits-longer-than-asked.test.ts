import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { describe, expect, it } from 'vitest';
import { brief, httpReceiver, post, rawReceiver, tcpReceiver } from './receiver.ts';
import { testbed } from './testbed.ts';

const { senderWith, use, cleanUp } = testbed();

describe('timeouts', () => {
  it('a receiver that accepts and stays silent', async () => {
    const receiver = await use(httpReceiver(() => undefined));
    const result = await senderWith().send(post(receiver.url, { timeoutMs: 100 }));
    const error = 'the receiver did not answer within 100 ms';
    expect(brief(result)).toEqual({ outcome: 'timeout', error, status: null });
    expect(result.durationMs).toBeGreaterThan(95);
    expect(result.timing).toMatchObject({ firstByteMs: null, connectMs: expect.any(Number) });
    await receiver.allClosed();
  });

  it.each([
    [200, 'succeeded', null],
    [500, 'http_error', 'the receiver answered 500 (Internal Server Error)'],
  ])('a %d whose body drips is what its status says', async (status, outcome, error) => {
    const receiver = await use(
      httpReceiver((_request, response) => {
        response.writeHead(status).write('drip');
        const dripping = setInterval(() => response.write('.'), 20);
        response.on('close', () => clearInterval(dripping));
      }),
    );
    const result = await senderWith().send(post(receiver.url, { timeoutMs: 150 }));
    expect(brief(result)).toEqual({ outcome, error, status });
    expect(result.response).toMatchObject({ body: expect.stringMatching(/^drip/), bodyTruncated: true });
    expect(result.durationMs).toBeLessThan(1000);
    await receiver.allClosed();
  });

  it('headers that drip', async () => {
    const receiver = await use(rawReceiver('HTTP/1.1 200 OK\r\nx-a: '));
    const result = await senderWith().send(post(receiver.url, { timeoutMs: 100 }));
    expect(brief(result)).toMatchObject({ outcome: 'timeout', status: null });
  });

  it('a TLS handshake that gets no reply', async () => {
    const receiver = await use(tcpReceiver((socket) => socket.resume()));
    const result = await senderWith({ connectTimeoutMs: 100 }).send(post(`https://127.0.0.1:${receiver.port}/`));
    const error = `the TLS handshake with 127.0.0.1:${receiver.port} took longer than 100 ms`;
    expect(brief(result)).toEqual({ outcome: 'timeout', error, status: null });
    expect(result.timing).toMatchObject({ connectMs: expect.any(Number), tlsMs: null, reusedConnection: false });
    await receiver.allClosed();
  });

  it('a name that is not resolved', async () => {
    const sender = senderWith({ connectTimeoutMs: 50, resolver: () => new Promise(() => undefined) });
    const result = await sender.send(post('http://slow.test/'));
    expect(brief(result)).toEqual({
      outcome: 'timeout',
      error: 'the name slow.test was not resolved within 50 ms',
      status: null,
    });
  });

  it('a request whose own time is over before there is a connection', async () => {
    const sender = senderWith({ resolver: () => new Promise(() => undefined) });
    const result = await sender.send(post('http://slow.test/', { timeoutMs: 50 }));
    expect(brief(result)).toMatchObject({ outcome: 'timeout', error: 'no connection to the receiver within 50 ms' });
  });

  // Windows has no SIGSTOP
  it.skipIf(process.platform === 'win32')('a receiver that does not accept', async () => {
    const { port, fill } = await fullBacklog();
    await fill();
    const result = await senderWith({ connectTimeoutMs: 200 }).send(post(`http://127.0.0.1:${port}/`));
    const error = `no connection to 127.0.0.1:${port} within 200 ms`;
    expect(brief(result)).toEqual({ outcome: 'timeout', error, status: null });
  });
});

/** A listener in a stopped process takes connections only until its backlog is full; then SYNs go unanswered. */
async function fullBacklog(): Promise<{ port: number; fill(): Promise<void> }> {
  const script = `const s=require('net').createServer();s.listen({port:0,host:'127.0.0.1',backlog:1},()=>{console.log(s.address().port);})`;
  const child = spawn(process.execPath, ['-e', script], { stdio: ['ignore', 'pipe', 'inherit'] });
  const [line] = (await once(child.stdout, 'data')) as [Buffer];
  const port = Number(String(line));
  child.kill('SIGSTOP');
  const fillers: Socket[] = [];
  cleanUp(async () => {
    for (const socket of fillers) socket.destroy();
    child.kill('SIGKILL');
    await once(child, 'exit');
  });
  const fill = async () => {
    for (let full = false; !full; ) {
      const socket = connect(port, '127.0.0.1').on('error', () => undefined);
      fillers.push(socket);
      const connected = once(socket, 'connect', { signal: AbortSignal.timeout(150) });
      full = await connected.then(() => false).catch(() => true);
    }
  };
  return { port, fill };
}
