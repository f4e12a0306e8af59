import type { IncomingMessage } from 'node:http';
import { gzipSync } from 'node:zlib';
import { beforeEach, describe, expect, it } from 'vitest';
import type { Sender } from '../../src/webhook/sender.ts';
import { answering, brief, httpReceiver, post, rawReceiver, tlsReceiver } from './receiver.ts';
import { testbed } from './testbed.ts';

const { senderWith, use } = testbed();
let sender: Sender;

beforeEach(() => {
  sender = senderWith({ userAgent: 'Postrider/test' });
});

async function textOf(request: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = [];
  for await (const chunk of request) chunks.push(chunk as Buffer);
  return Buffer.concat(chunks).toString();
}

describe('a request', () => {
  it('arrives as it was given, with its length and our user agent', async () => {
    let seen: unknown;
    const { url, port } = await use(
      httpReceiver(async (request, response) => {
        seen = { method: request.method, url: request.url, headers: request.headers, body: await textOf(request) };
        response.writeHead(204).end();
      }),
    );
    const request = post(`${url}?a=1&b=%20`);
    const result = await sender.send(request);
    expect(brief(result)).toEqual({ outcome: 'succeeded', error: null, status: 204 });
    const sent = { ...request.headers, 'user-agent': 'Postrider/test' };
    expect(result.request).toEqual({ url: request.url, headers: sent });
    const headers = { ...sent, host: `127.0.0.1:${port}`, connection: 'keep-alive', 'content-length': '52' };
    expect(seen).toEqual({ method: 'POST', url: '/hook?a=1&b=%20', headers, body: request.body });
  });

  it('keeps a user agent it brings', async () => {
    const { url } = await use(httpReceiver((request, response) => response.end(request.headers['user-agent'])));
    const result = await sender.send(post(url, { headers: { 'User-Agent': 'mine' } }));
    expect(result.response?.body).toBe('mine');
  });

  it('goes over TLS, to a name and to an address', async () => {
    const { port } = await use(tlsReceiver('valid', answering(200)));
    for (const host of ['localhost', '127.0.0.1']) {
      const result = await sender.send(post(`https://${host}:${port}/`));
      expect(brief(result)).toEqual({ outcome: 'succeeded', error: null, status: 200 });
      expect(result.timing.tlsMs).toBeGreaterThan(0);
      expect(result.timing.connectMs).toBeGreaterThan(0);
      expect(result.timing.dnsMs === null).toBe(host === '127.0.0.1');
    }
  });

  it.each([
    ['not a url', 'the URL is not an http(s) URL'],
    ['ftp://127.0.0.1/', 'the URL is not an http(s) URL'],
  ])('to %s is not sent', async (url, error) => {
    expect(brief(await sender.send(post(url)))).toEqual({ outcome: 'connection_failed', error, status: null });
  });

  it('with a header that HTTP does not bear is not sent, and harms no connection', async () => {
    const receiver = await use(httpReceiver(answering(200)));
    await sender.send(post(receiver.url));
    const bad = await sender.send(post(receiver.url, { headers: { 'x-bad': 'a\r\nb: c' } }));
    expect(brief(bad)).toEqual({
      outcome: 'connection_failed',
      error: 'the request cannot be sent (invalid x-bad header)',
      status: null,
    });
    expect((await sender.send(post(receiver.url))).timing.reusedConnection).toBe(true);
    expect(receiver.connections()).toBe(1);
  });
});

describe('an answer', () => {
  it.each([
    [200, 'succeeded', null],
    [201, 'succeeded', null],
    [299, 'succeeded', null],
    [304, 'http_error', 'the receiver answered 304 (Not Modified)'],
    [400, 'http_error', 'the receiver answered 400 (Bad Request)'],
    [410, 'http_error', 'the receiver answered 410 (Gone)'],
    [503, 'http_error', 'the receiver answered 503 (Service Unavailable)'],
    [599, 'http_error', 'the receiver answered 599'],
  ])('of %d is %s', async (status, outcome, error) => {
    const { url } = await use(httpReceiver(answering(status)));
    expect(brief(await sender.send(post(url)))).toEqual({ outcome, error, status });
  });

  it.each([301, 302, 303, 307, 308])('of %d is not followed', async (status) => {
    const elsewhere = await use(httpReceiver(answering(200)));
    const { url } = await use(httpReceiver(answering(status, { location: elsewhere.url })));
    const result = await sender.send(post(url));
    expect(result.outcome).toBe('http_error');
    expect(result.error).toMatch(/; redirects are not followed$/);
    expect(result.response?.headers.location).toBe(elsewhere.url);
    expect(elsewhere.connections()).toBe(0);
  });

  it('keeps its headers, in lower case and joined, but not those of the connection', async () => {
    const headers = { 'X-Two': ['a', 'b'], 'Retry-After': '7', Date: 'today', Trailer: 'x', 'Keep-Alive': 'timeout=9' };
    const { url } = await use(httpReceiver(answering(429, headers, 'no')));
    expect((await sender.send(post(url))).response).toEqual({
      statusCode: 429,
      headers: { 'x-two': 'a, b', 'retry-after': '7', date: 'today' },
      body: 'no',
      bodyTruncated: false,
    });
  });

  it('has up to 16 KiB of headers kept', async () => {
    const { url } = await use(httpReceiver(answering(200, { 'x-long': 'x'.repeat(20_000), 'x-short': 'y' })));
    const result = await sender.send(post(url));
    expect(result.outcome).toBe('succeeded');
    expect(result.response?.headers).toMatchObject({ 'x-short': 'y' });
    expect(result.response?.headers).not.toHaveProperty('x-long');
  });

  it('has 16 KiB of its body kept, and the connection goes on', async () => {
    const receiver = await use(httpReceiver(answering(200, {}, 'é'.repeat(50_000))));
    const { response } = await sender.send(post(receiver.url));
    expect(response).toMatchObject({ body: 'é'.repeat(8192), bodyTruncated: true });
    await sender.send(post(receiver.url));
    expect(receiver.connections()).toBe(1);
  });

  it('that never ends costs its connection, and its status stands', async () => {
    const receiver = await use(
      httpReceiver((_request, response) => {
        const more = () => {
          while (response.write('x'.repeat(50_000)));
        };
        response.writeHead(200).on('drain', more);
        more();
      }),
    );
    const result = await sender.send(post(receiver.url));
    expect(brief(result)).toEqual({ outcome: 'succeeded', error: null, status: 200 });
    expect(result.response).toMatchObject({ body: 'x'.repeat(16_384), bodyTruncated: true });
    await receiver.allClosed();
  });

  it('that is compressed is left alone', async () => {
    const zipped = gzipSync('hello');
    const { url } = await use(httpReceiver(answering(200, { 'content-encoding': 'gzip' }, zipped)));
    const { response } = await sender.send(post(url));
    expect(response?.body).toBe(zipped.toString('utf8').replaceAll('\0', '\ufffd'));
    expect(response?.headers['content-encoding']).toBe('gzip');
  });

  it('is taken after interim ones', async () => {
    const early = 'HTTP/1.1 103 Early Hints\r\nlink: </a>\r\n\r\nHTTP/1.1 102 Processing\r\n\r\n';
    const { url } = await use(rawReceiver(`${early}HTTP/1.1 202 Accepted\r\ncontent-length: 2\r\n\r\nok`));
    expect((await sender.send(post(url))).response).toMatchObject({
      statusCode: 202,
      headers: { 'content-length': '2' },
      body: 'ok',
    });
  });

  it('that ends with the connection is whole', async () => {
    const { url } = await use(
      httpReceiver((_request, response) => response.writeHead(200, { connection: 'close' }).end('bye')),
    );
    expect((await sender.send(post(url))).response).toMatchObject({ body: 'bye', bodyTruncated: false });
  });
});
