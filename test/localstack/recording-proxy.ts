import { once } from 'node:events';
import http from 'node:http';
import type { AddressInfo } from 'node:net';

/** Stands in front of an AWS endpoint and notes which actions pass. */
export interface RecordingProxy {
  readonly endpoint: string;
  /** Names of the actions so far, such as `CreateQueue`. */
  readonly actions: readonly string[];
  close(): void;
}

/** A proxy to this port of 127.0.0.1. */
export async function startRecordingProxy(port: number): Promise<RecordingProxy> {
  const actions: string[] = [];
  const server = http.createServer(async (request, response) => {
    const chunks: Buffer[] = [];
    for await (const chunk of request) chunks.push(chunk as Buffer);
    const body = Buffer.concat(chunks);
    actions.push(actionOf(request.headers, body.toString()));
    const { method, url: path, headers } = request;
    const onward = http.request({ host: '127.0.0.1', port, method, path, headers }, (answer) => {
      response.writeHead(answer.statusCode as number, answer.headers);
      answer.pipe(response);
    });
    onward.on('error', () => response.destroy());
    onward.end(body);
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    endpoint: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    actions,
    close: () => {
      server.close();
      server.closeAllConnections();
    },
  };
}

/** SQS names its action in a header, SNS in the form it sends. */
function actionOf(headers: http.IncomingHttpHeaders, body: string): string {
  const target = headers['x-amz-target'];
  return typeof target === 'string'
    ? (target.split('.')[1] as string)
    : (new URLSearchParams(body).get('Action') ?? '');
}
