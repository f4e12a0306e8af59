import swagger from '@fastify/swagger';
import reference from '@scalar/fastify-api-reference';
import type { App } from './deps.ts';

const DESCRIPTION = `Postrider delivers a company's events to its partners as signed webhooks, and keeps a record of every attempt.

Authenticate with \`Authorization: Bearer <key>\`. A key is of one scope: \`admin\` may do everything, \`publish\` may publish events,
\`partner\` may use what is below \`/v1/partners/{partnerId}\` of its own partner. What belongs to somebody else does not exist: 404.

Lists are newest first and page by \`cursor\`. Times are ISO 8601 in UTC. Errors are problems (RFC 9457); \`code\` is stable.`;

const TAGS = [
  { name: 'Publishing', description: 'The front door for events' },
  { name: 'Partners', description: 'The companies that receive webhooks' },
  { name: 'Subscriptions', description: 'What a partner wants to receive, where, and signed with which secrets' },
  { name: 'Events', description: 'The record of what was published' },
  { name: 'Deliveries', description: 'One event for one subscription, with every attempt' },
  { name: 'API keys' },
  { name: 'Dead letters', description: 'Messages that never became an event' },
  { name: 'Operations' },
];

/** Collects the routes that are registered from now on into the API's description. */
export function describeApi(app: App, version: string): void {
  app.register(swagger, {
    openapi: {
      openapi: '3.1.0',
      info: { title: 'Postrider', version, description: DESCRIPTION },
      tags: TAGS,
      components: { securitySchemes: { apiKey: { type: 'http', scheme: 'bearer', description: 'postrider_…' } } },
      security: [{ apiKey: [] }],
    },
    refResolver: { buildLocalReference: ({ $id }, _base, _fragment, index) => String($id ?? `schema-${index}`) },
  });
}

/** GET /openapi.json, and the reference page at /docs, which loads nothing from elsewhere. */
export function docsRoutes(app: App): void {
  let text: string | undefined; // written once: the routes do not change after the start
  app.get('/openapi.json', { schema: { hide: true } }, async (_request, reply) => {
    text ??= JSON.stringify(app.swagger());
    return reply.type('application/json').send(text);
  });
  app.get('/', { schema: { hide: true } }, async (_request, reply) => reply.redirect('/docs/'));
  app.register(reference, {
    routePrefix: '/docs',
    configuration: {
      url: '/openapi.json',
      pageTitle: 'Postrider API',
      withDefaultFonts: false, // they would come from another server
      telemetry: false,
      hideClientButton: true,
      showDeveloperTools: 'never',
      agent: { disabled: true },
      mcp: { disabled: true },
    },
  });
}
