import Type from 'typebox';
import type { App, Check, ServerDeps } from './deps.ts';

const Health = Type.Object({ status: Type.Literal('ok') }, { description: 'The process is alive' });

const Readiness = Type.Object({
  ready: Type.Boolean(),
  checks: Type.Array(
    Type.Object({
      name: Type.String({ examples: ['database'] }),
      ok: Type.Boolean(),
      detail: Type.Optional(Type.String({ description: 'What is wrong', examples: ['connection refused'] })),
    }),
  ),
});

const tags = ['Operations'];

const STOPPING: Check = { name: 'process', ok: false, detail: 'the process is stopping' };

/** Probes for whatever runs the process; they need no key. */
export function healthRoutes(app: App, { readiness, isStopping }: Pick<ServerDeps, 'readiness' | 'isStopping'>): void {
  app.get('/health', {
    schema: { tags, operationId: 'getHealth', summary: 'Liveness', security: [], response: { 200: Health } },
    handler: async () => ({ status: 'ok' as const }),
  });

  app.get('/ready', {
    schema: {
      tags,
      operationId: 'getReadiness',
      summary: 'Readiness',
      description: '503 while a service that Postrider leans on is away, and from SIGTERM on.',
      security: [],
      response: {
        200: Type.Object(Readiness.properties, { description: 'Everything can be reached' }),
        503: Type.Object(Readiness.properties, { description: 'Something cannot; `checks` says what' }),
      },
    },
    handler: async (_request, reply) => {
      const checks = isStopping() ? [STOPPING] : [...(await readiness())];
      const ready = checks.every(({ ok }) => ok);
      return reply.code(ready ? 200 : 503).send({ ready, checks });
    },
  });
}
