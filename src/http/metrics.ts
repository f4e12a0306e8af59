import Type from 'typebox';
import type { App, ServerDeps } from './deps.ts';
import { problems } from './schemas.ts';

/** GET /metrics, for Prometheus: it sends its bearer key as `authorization.credentials_file`. */
export function metricsRoute(app: App, { metrics }: Pick<ServerDeps, 'metrics'>): void {
  app.get('/metrics', {
    config: { access: 'admin' },
    schema: {
      tags: ['Operations'],
      operationId: 'getMetrics',
      summary: 'Metrics',
      description:
        'Of this process, in Prometheus’ text format. In the all-in-one process the worker’s are among them.',
      response: {
        200: {
          description: 'Metrics by name and labels',
          content: {
            'text/plain': { schema: Type.String({ examples: ['postrider_events_accepted_total{lane="live"} 1'] }) },
          },
        },
        ...problems(403),
      },
    },
    handler: async (_request, reply) => {
      const { contentType, body } = await metrics();
      return reply.type(contentType).send(body);
    },
  });
}
