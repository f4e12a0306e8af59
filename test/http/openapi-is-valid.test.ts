import { afterAll, beforeAll, expect, test } from 'vitest';
import { startApi, type TestApi } from './support.ts';

let api: TestApi;
let document: Record<string, never> & {
  paths: Record<string, Record<string, Operation>>;
  components: { schemas: object };
};

interface Operation {
  operationId: string;
  summary: string;
  tags: string[];
  security?: object[];
  responses: Record<string, { description: string; content?: Record<string, { schema: object }> }>;
}

beforeAll(async () => {
  api = await startApi();
  document = (await api.call('GET', '/openapi.json', { key: null })).body;
});
afterAll(() => api.close());

const operations = () =>
  Object.entries(document.paths).flatMap(([path, methods]) =>
    Object.entries(methods).map(([method, operation]) => ({ name: `${method.toUpperCase()} ${path}`, operation })),
  );

test('it is OpenAPI 3.1 and describes every route', () => {
  expect(document).toMatchObject({ openapi: '3.1.0', info: { title: 'Postrider' } });
  const routes = api.app.routeTable
    .filter(({ method, url }) => method !== 'HEAD' && !url.startsWith('/docs') && !['/', '/openapi.json'].includes(url))
    .map(({ method, url }) => `${method} ${url.replaceAll(/:(\w+)/g, '{$1}')}`);
  expect(
    operations()
      .map(({ name }) => name)
      .sort(),
  ).toEqual(routes.sort());
});

test('every operation has an id of its own, a summary, a tag, and answers with words', () => {
  const ids = operations().map(({ operation }) => operation.operationId);
  expect(new Set(ids).size).toBe(ids.length);
  for (const { name, operation } of operations()) {
    expect(operation.summary, name).toBeTruthy();
    expect(operation.tags, name).toHaveLength(1);
    for (const [status, { description }] of Object.entries(operation.responses)) {
      expect(description, `${name} ${status}`).not.toBe('Default Response');
    }
  }
});

test('every reference leads somewhere, and schemas have names', () => {
  const text = JSON.stringify(document);
  for (const [, pointer] of text.matchAll(/"\$ref":"([^"]+)"/g)) {
    const found = pointer
      ?.slice(2)
      .split('/')
      .reduce<unknown>((at, step) => (at as Record<string, unknown>)?.[step], document);
    expect(found, pointer).toBeTruthy();
  }
  expect(Object.keys(document.components.schemas)).toEqual(
    expect.arrayContaining(['Problem', 'Partner', 'Subscription', 'Delivery', 'Attempt']),
  );
  expect(text).not.toContain('"$id"');
});

test('problems are problem+json', () => {
  const problem = document.paths['/v1/events']?.post?.responses['422'];
  expect(Object.keys(problem?.content ?? {})).toEqual(['application/problem+json']);
});

test('the reference page needs nothing from elsewhere', async () => {
  const root = await api.call('GET', '/', { key: null });
  expect([root.status, root.headers.location]).toEqual([302, '/docs/']);
  const page = await api.call('GET', '/docs/', { key: null });
  expect(page.text).toContain('<title>Postrider API</title>');
  expect(page.text).toContain('/openapi.json');
  const sources = [...page.text.matchAll(/(?:src|href)="([^"]+)"/g)].map(([, source]) => source);
  expect(sources).toEqual(['js/scalar.js']);
  expect(page.text).not.toMatch(/https?:\/\//);
  const script = await api.call('GET', '/docs/js/scalar.js', { key: null });
  expect(script.text.length).toBeGreaterThan(1_000_000);
});
