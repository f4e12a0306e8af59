import type { Socket } from 'node:net';
import { describe, expect, it } from 'vitest';
import { brief, httpReceiver, post, rawReceiver, tcpReceiver, tlsReceiver } from './receiver.ts';
import { testbed } from './testbed.ts';

const { senderWith, use } = testbed();

/** A port on loopback where nobody listens. */
async function deafPort(): Promise<number> {
  const receiver = await httpReceiver(() => undefined);
  await receiver.close();
  return receiver.port;
}

const ok = (_request: unknown, response: { end(): unknown }) => response.end();

describe('connections that fail', () => {
  it('refused', async () => {
    const port = await deafPort();
    const result = await senderWith().send(post(`http://127.0.0.1:${port}/`));
    const error = `connection refused by 127.0.0.1:${port}`;
    expect(brief(result)).toEqual({ outcome: 'connection_failed', error, status: null });
  });

  it('refused by every address', async () => {
    const port = await deafPort();
    const sender = senderWith({ resolver: async () => ['::1', '127.0.0.1'] });
    const result = await sender.send(post(`http://hooks.test:${port}/`));
    const error = `connection refused by 127.0.0.1:${port}`;
    expect(brief(result)).toEqual({ outcome: 'connection_failed', error, status: null });
  });

  it('refused by one address: the next one serves', async () => {
    const receiver = await use(httpReceiver(ok));
    const sender = senderWith({ resolver: async () => ['::1', '127.0.0.1'] });
    const result = await sender.send(post(`http://hooks.test:${receiver.port}/`));
    expect(result.outcome).toBe('succeeded');
    expect(result.timing).toMatchObject({ dnsMs: expect.any(Number), connectMs: expect.any(Number), tlsMs: null });
  });

  it.each([
    ['closed', (socket: Socket) => socket.end(), 'the receiver closed the connection without answering'],
    ['reset', (socket: Socket) => socket.resetAndDestroy(), 'the receiver reset the connection before answering'],
  ])('%s before an answer', async (_what, act, error) => {
    const receiver = await use(tcpReceiver((socket) => socket.once('data', () => act(socket))));
    const result = await senderWith().send(post(receiver.url));
    expect(brief(result)).toEqual({ outcome: 'connection_failed', error, status: null });
  });

  it('closed within an answer: its status stands', async () => {
    const receiver = await use(
      tcpReceiver((socket) =>
        socket.once('data', () => socket.end('HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\nhalf')),
      ),
    );
    const result = await senderWith().send(post(receiver.url));
    expect(brief(result)).toEqual({ outcome: 'succeeded', error: null, status: 200 });
    expect(result.response).toMatchObject({ body: 'half', bodyTruncated: true });
  });

  it.each([
    ['garbage', 'SSH-2.0-OpenSSH_9.6\r\n', /^the receiver's answer is not valid HTTP\/1\.1 \(Expected HTTP\/.*\)$/],
    ['NUL in a header', 'HTTP/1.1 200 OK\r\nx-a: b\0c\r\n\r\n', /not valid HTTP\/1\.1/],
    [
      'endless headers',
      `HTTP/1.1 200 OK\r\nx-a: ${'x'.repeat(70_000)}`,
      /headers of the receiver's answer are too long/,
    ],
    [
      '100 Continue',
      'HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n',
      /nobody had asked for/,
    ],
    ['a switch', 'HTTP/1.1 101 Switching\r\nconnection: upgrade\r\nupgrade: x\r\n\r\n', /switched to another protocol/],
  ])('an answer that is %s', async (_what, answer, error) => {
    const receiver = await use(rawReceiver(answer));
    const result = await senderWith().send(post(receiver.url));
    expect(brief(result)).toEqual({ outcome: 'connection_failed', error: expect.stringMatching(error), status: null });
    await receiver.allClosed();
  });

  it('a kept-alive one that is reset when used again', async () => {
    let requests = 0;
    const receiver = await use(
      httpReceiver((request, response) => {
        if (++requests === 1) response.end();
        else request.socket.resetAndDestroy();
      }),
    );
    const sender = senderWith();
    await sender.send(post(receiver.url));
    const result = await sender.send(post(receiver.url));
    expect(brief(result)).toMatchObject({ outcome: 'connection_failed', status: null });
    expect(result.timing.reusedConnection).toBe(true);
    expect(requests).toBe(2);
  });
});

describe('TLS', () => {
  it.each([
    ['self-signed', 'the certificate is self-signed'],
    ['expired', 'the certificate has expired'],
    ['wrong-name', 'the certificate is not for localhost'],
  ] as const)('a certificate that is %s, every time', async (certificate, error) => {
    for (const maxVersion of ['TLSv1.2', 'TLSv1.3']) {
      const { port, allClosed } = await use(tlsReceiver(certificate, ok, { maxVersion }));
      const sender = senderWith();
      for (let n = 0; n < 3; n++) {
        const result = await sender.send(post(`https://localhost:${port}/`));
        expect(brief(result)).toEqual({ outcome: 'tls_failed', error, status: null });
      }
      await allClosed();
    }
  });

  it('a root that is not trusted', async () => {
    const { url } = await use(tlsReceiver('valid', ok));
    const result = await senderWith({ tls: {} }).send(post(url));
    const error = 'the issuer of the certificate is not trusted, or an intermediate is missing';
    expect(brief(result)).toEqual({ outcome: 'tls_failed', error, status: null });
  });

  it('plain HTTP where TLS was expected', async () => {
    const { port } = await use(httpReceiver(ok));
    const result = await senderWith().send(post(`https://127.0.0.1:${port}/`));
    const error = 'the receiver does not speak TLS on this port';
    expect(brief(result)).toEqual({ outcome: 'tls_failed', error, status: null });
  });

  it('a handshake that is hung up on', async () => {
    const { port } = await use(tcpReceiver((socket) => socket.once('data', () => socket.end())));
    const result = await senderWith().send(post(`https://127.0.0.1:${port}/`));
    const error = 'the receiver closed the connection during the TLS handshake';
    expect(brief(result)).toEqual({ outcome: 'tls_failed', error, status: null });
  });

  it.each(['TLSv1.2', 'TLSv1.3'])('a session is resumed on the next connection (%s)', async (maxVersion) => {
    const resumed: boolean[] = [];
    const { port } = await use(
      tlsReceiver(
        'valid',
        (request, response) => {
          resumed.push('isSessionReused' in request.socket && (request.socket.isSessionReused as () => boolean)());
          response.setHeader('connection', 'close').end();
        },
        { maxVersion },
      ),
    );
    const sender = senderWith();
    for (let n = 0; n < 2; n++) await sender.send(post(`https://localhost:${port}/`));
    expect(resumed).toEqual([false, true]);
  });
});
