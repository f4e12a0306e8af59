import { once } from 'node:events';
import http from 'node:http';
import type { AddressInfo } from 'node:net';
import { SQSClient } from '@aws-sdk/client-sqs';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { createSnsTransport, createSqsTransport, TransportError } from '../../src/pubsub/index.ts';
import { outgoing } from './harness.ts';

type Reply = { status: number; headers?: Record<string, string>; text: string };
interface Request {
  headers: Record<string, string>;
  body: string;
}

const credentials = { accessKeyId: 'AKIDEXAMPLE', secretAccessKey: 'wJalr/K7MDENG+bPxRfi', sessionToken: 'to/k+en==' };
const region = 'eu-central-1';
const messages = [outgoing('{"a":"ü€\u{1F600} &=+%"}', { lane: 'live', note: 'ü \u{1F680}' })];
const GOOD: Reply = { status: 200, text: '{"Successful":[{"Id":"0","MessageId":"m"}]}' };
const refused = (type: string, headers = {}): Reply => ({
  status: 403,
  headers,
  text: JSON.stringify({ __type: type }),
});

describe('calls', () => {
  const requests: Request[] = [];
  let replies: Reply[] = [];
  let endpoint: string;

  const server = http.createServer((request, response) => {
    const chunks: Buffer[] = [];
    request.on('data', (chunk: Buffer) => chunks.push(chunk));
    request.on('end', () => {
      requests.push({ headers: request.headers as Record<string, string>, body: Buffer.concat(chunks).toString() });
      const reply = replies.shift();
      if (reply !== undefined) response.writeHead(reply.status, reply.headers).end(reply.text);
    });
  });

  beforeAll(async () => {
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    endpoint = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  });
  afterAll(() => {
    server.close();
  });
  beforeEach(() => {
    requests.length = 0;
    replies = [];
  });

  const topic = () =>
    createSnsTransport({ topicArn: 'arn:aws:sns:eu-central-1:1:t', aws: { region, endpoint, credentials } });
  const queue = () => createSqsTransport({ queueUrl: `${endpoint}/1/q`, aws: { region, endpoint, credentials } });

  /** What the SDK's signer makes of what arrived. */
  async function authorization({ headers, body }: Request, service: string): Promise<string | undefined> {
    const signer = await new SQSClient({ region, credentials }).config.signer({
      name: 'sigv4',
      signingName: service,
      signingRegion: region,
      properties: {},
    });
    const names = /SignedHeaders=([^,]+)/.exec(headers.authorization!)![1]!.split(';');
    const signed = Object.fromEntries(names.map((name) => [name, headers[name]!]));
    const request = {
      method: 'POST',
      protocol: 'http:',
      hostname: '127.0.0.1',
      path: '/',
      query: {},
      headers: signed,
      body,
    };
    const iso = headers['x-amz-date']!.replace(/(....)(..)(..T..)(..)(..Z)/, '$1-$2-$3:$4:$5');
    const options = { signingDate: new Date(iso), unsignableHeaders: new Set(['x-amz-content-sha256']) };
    return (await signer.sign(request, options)).headers.authorization;
  }

  it('arrive signed as the SDK signs them', async () => {
    replies = [{ status: 200, text: '<member><Id>0</Id><MessageId>m</MessageId></member>' }, GOOD];
    const [sns, sqs] = [topic(), queue()];
    expect(await sns.publishBatch(messages)).toEqual([{ ok: true, id: 'm' }]);
    expect(await sqs.publishBatch(messages)).toEqual([{ ok: true, id: 'm' }]);
    for (const [i, service] of ['sns', 'sqs'].entries()) {
      expect(requests[i]!.headers['x-amz-security-token']).toBe(credentials.sessionToken);
      expect(requests[i]!.headers.authorization).toBe(await authorization(requests[i]!, service));
    }
    sns.close();
    sqs.close();
  });

  it("go by the service's clock once ours is refused", async () => {
    const hour = 3_600_000;
    const date = new Date(Date.now() + hour).toUTCString();
    replies = [refused('com.amazon.coral.service#InvalidSignatureException', { date }), GOOD, GOOD];
    const sqs = queue();
    expect(await sqs.publishBatch(messages)).toMatchObject([{ ok: true }]);
    expect(await sqs.publishBatch(messages)).toMatchObject([{ ok: true }]);
    const hours = requests.map(({ headers }) => headers['x-amz-date']!.slice(0, 11));
    const expected = [0, hour, hour].map((ahead) =>
      new Date(Date.now() + ahead).toISOString().slice(0, 13).replaceAll('-', ''),
    );
    expect(hours).toEqual(expected);
    sqs.close();
  });

  it('are repeated once, and only where the signature was not trusted', async () => {
    const sqs = queue();
    replies = [refused('ExpiredToken'), refused('ExpiredToken')];
    await expect(sqs.deleteBatch(['r'])).rejects.toMatchObject({ kind: 'retry', code: 'ExpiredToken' });
    replies = [refused('AccessDenied')];
    await expect(sqs.deleteBatch(['r'])).rejects.toMatchObject({ kind: 'retry', code: 'AccessDenied' });
    expect(requests).toHaveLength(3);
    sqs.close();
  });

  it('fail as transport errors on an answer that cannot be read', async () => {
    const sqs = queue();
    replies = [{ status: 200, text: '<html>' }];
    await expect(sqs.deleteBatch(['r'])).rejects.toBeInstanceOf(TransportError);
    sqs.close();
  });

  it('end at once when they are aborted, or their transport is closed', async () => {
    const sqs = queue();
    const abort = new AbortController();
    const poll = { maxMessages: 10, waitSeconds: 20, visibilitySeconds: 30 };
    const aborted = sqs.receive({ ...poll, signal: abort.signal });
    const cut = sqs.receive(poll);
    await expect.poll(() => requests.length).toBe(2);
    abort.abort();
    await expect(aborted).rejects.toMatchObject({ kind: 'retry', code: 'AbortError' });
    await expect(sqs.receive({ ...poll, signal: abort.signal })).rejects.toMatchObject({ code: 'AbortError' });
    expect(requests).toHaveLength(2);
    sqs.close();
    await expect(cut).rejects.toMatchObject({ kind: 'retry', code: 'UND_ERR_DESTROYED' });
  });
});
