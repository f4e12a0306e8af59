import { STATUS_CODES } from 'node:http';
import type { Socket } from 'node:net';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { isDatabaseAway } from '../store/prisma.ts';
import type { ErrorLog } from './deps.ts';
import { HttpProblem, notFound, unavailable } from './problem.ts';

declare module 'fastify' {
  interface FastifyContextConfig {
    /** What to say of a body over `bodyLimit`, where another limit is the one to keep to. */
    sizeRule?: string;
  }
}

/** Answers any error as a problem. Errors that are no answer are bugs: logged whole, and told to nobody. */
export function createErrorHandler(log: ErrorLog) {
  return (error: unknown, request: FastifyRequest, reply: FastifyReply) => {
    const problem = toProblem(error, request);
    if (problem.status >= 500 && !(error instanceof HttpProblem)) {
      log.error({ err: error, requestId: request.id, method: request.method, path: pathOf(request) }, 'request.failed');
    }
    return sendProblem(problem, request, reply);
  };
}

/** Sends a problem, with the request's id in it. */
export function sendProblem(problem: HttpProblem, request: FastifyRequest, reply: FastifyReply): FastifyReply {
  return reply
    .code(problem.status)
    .headers(problem.headers)
    .header('x-request-id', request.id)
    .type('application/problem+json')
    .send(problemText(problem, request.id));
}

function problemText({ status, code, message, errors }: HttpProblem, requestId: string): string {
  const title = STATUS_CODES[status] ?? 'Error';
  return JSON.stringify({ type: 'about:blank', title, status, code, detail: message, requestId, errors });
}

function toProblem(error: unknown, request: FastifyRequest): HttpProblem {
  if (error instanceof HttpProblem) return error;
  if (isDatabaseAway(error))
    return unavailable('the database cannot be reached, or does not answer in time: try again');
  const code = error instanceof Error && 'code' in error ? String(error.code) : '';
  return frameworkProblem(code, error, request) ?? new HttpProblem(500, 'internal_error', 'an error on our side');
}

/** What Fastify refuses before a handler sees it. */
function frameworkProblem(code: string, error: unknown, request: FastifyRequest): HttpProblem | null {
  switch (code) {
    case 'FST_ERR_CTP_BODY_TOO_LARGE':
      return tooLarge(request.routeOptions);
    case 'FST_ERR_CTP_INVALID_MEDIA_TYPE':
      return new HttpProblem(415, 'unsupported_media_type', 'send the body as content-type: application/json');
    case 'FST_ERR_BAD_URL':
      return new HttpProblem(400, 'invalid_path', 'the path is not valid percent-encoding');
    case 'FST_ERR_MAX_PARAM_LENGTH':
      return notFound('such resource: the id in the path is too long');
  }
  const status = error instanceof Error && 'statusCode' in error ? Number(error.statusCode) : 500;
  const isTheirs = status >= 400 && status < 500 && error instanceof Error;
  return isTheirs ? new HttpProblem(status, 'bad_request', error.message) : null;
}

function tooLarge({ bodyLimit = 0, config }: FastifyRequest['routeOptions']): HttpProblem {
  const rule = config.sizeRule ?? 'the limit of this route';
  return new HttpProblem(413, 'too_large', `the body is larger than ${bodyLimit / 1024} KiB: ${rule}`);
}

const pathOf = ({ url }: FastifyRequest): string => url.split('?', 1)[0] as string;

/** What Node could not even parse as a request: answered on the bare socket. */
export function answerClientError(error: Error & { code?: string }, socket: Socket): void {
  if (error.code === 'ECONNRESET' || !socket.writable) return void socket.destroy();
  const status = CLIENT_ERRORS[error.code ?? ''] ?? 400;
  const problem = new HttpProblem(status, 'bad_request', 'this is not a request we can read');
  const body = problemText(problem, 'none');
  const head = `HTTP/1.1 ${status} ${STATUS_CODES[status]}\r\ncontent-type: application/problem+json\r\nconnection: close\r\n`;
  socket.end(`${head}content-length: ${Buffer.byteLength(body)}\r\n\r\n${body}`);
}

const CLIENT_ERRORS: Readonly<Record<string, number>> = {
  HPE_HEADER_OVERFLOW: 431,
  ERR_HTTP_REQUEST_TIMEOUT: 408,
};
