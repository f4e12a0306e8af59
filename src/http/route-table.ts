import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { sendProblem } from './error-handler.ts';
import { HttpProblem } from './problem.ts';

/** A route of the server: its method and its path with `:names`. */
export interface RouteEntry {
  readonly method: string;
  readonly url: string;
}

declare module 'fastify' {
  interface FastifyInstance {
    /** Every route of this server, as registered. */
    routeTable: readonly RouteEntry[];
  }
}

/** Keeps a list of the routes that are registered from now on, and answers what is not among them: 404, or 405 with `Allow`. */
export function keepRouteTable(app: FastifyInstance): void {
  const table: RouteEntry[] = [];
  app.decorate('routeTable', table);
  app.addHook('onRoute', ({ method, url }) => {
    for (const each of [method].flat()) table.push({ method: each, url });
  });
  app.setNotFoundHandler((request, reply) => answerUnrouted(table, request, reply));
}

function answerUnrouted(table: readonly RouteEntry[], request: FastifyRequest, reply: FastifyReply) {
  const path = request.url.split('?', 1)[0] as string;
  const methods = table.filter(({ url }) => matches(url, path)).map(({ method }) => method);
  return sendProblem(methods.length > 0 ? notAllowed(request.method, methods) : noRoute(path), request, reply);
}

const noRoute = (path: string): HttpProblem =>
  new HttpProblem(404, 'not_found', `there is no ${path}: see /docs for what there is`);

function notAllowed(method: string, methods: readonly string[]): HttpProblem {
  const allow = [...new Set(methods)].sort().join(', ');
  const detail = `${method} is not possible here, only ${allow}`;
  return new HttpProblem(405, 'method_not_allowed', detail, { headers: { allow } });
}

/** Segment by segment; `:name` stands for any one segment. */
function matches(url: string, path: string): boolean {
  const wanted = url.split('/');
  const given = path.split('/');
  return wanted.length === given.length && wanted.every((part, at) => part.startsWith(':') || part === given[at]);
}
