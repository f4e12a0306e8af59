import type { FastifyInstance, FastifyRequest } from 'fastify';

/** Is told of every request, whatever answers it. */
export interface RequestObserver {
  /** It has arrived. */
  begin?(request: FastifyRequest): void;
  /** Its handler is about to run, within `go`. */
  handle?(request: FastifyRequest, go: () => void): void;
  /** Its answer has ended. */
  end(request: FastifyRequest, statusCode: number, seconds: number): void;
}

/** Before the body is read there is nothing to wrap: its events come in the connection's own async context. */
export function observeRequests(app: FastifyInstance, observer: RequestObserver): void {
  const { begin, handle } = observer;
  if (begin) {
    app.addHook('onRequest', (request, _reply, done) => {
      begin(request);
      done();
    });
  }
  if (handle) app.addHook('preHandler', (request, _reply, done) => handle(request, done));
  app.addHook('onResponse', (request, reply, done) => {
    observer.end(request, reply.statusCode, reply.elapsedTime / 1000);
    done();
  });
}
