import { existsSync, readFileSync } from 'node:fs';
import { beforeAll, expect, it } from 'vitest';
import { liveMetrics } from './support/live-metrics.ts';
import { dashboardQueries, type Query, rules, selectorsOf, seriesOf } from './support/promql.ts';

/** Prometheus adds these itself. */
const OWN_METRICS = ['up'];
const OWN_LABELS = ['job', 'instance'];

const recorded = rules().flatMap(({ record }) => record ?? []);
const queries: Query[] = [
  ...dashboardQueries(),
  ...rules().map(({ alert, record, expr }) => ({ where: `rule ${alert ?? record}`, expr })),
];

let series: Map<string, Set<string>>;

beforeAll(async () => {
  series = seriesOf(await liveMetrics());
});

it.each(queries)('$where asks for what a live /metrics has: $expr', (query) => {
  const selectors = selectorsOf(query);
  expect(selectors).not.toEqual([]);
  for (const { metric, labels } of selectors) {
    if (OWN_METRICS.includes(metric) || recorded.includes(metric)) continue;
    expect(series.has(metric), `${metric} exists`).toBe(true);
    for (const label of labels) {
      expect([...(series.get(metric) ?? []), ...OWN_LABELS], `labels of ${metric}`).toContain(label);
    }
  }
});

it('every metric of ours is on the dashboard or in a rule', () => {
  const asked = new Set(queries.flatMap(selectorsOf).map(({ metric }) => metric.replace(/_(bucket|sum|count)$/, '')));
  const ours = [...series.keys()].filter((name) => name.startsWith('postrider_'));
  const unasked = new Set(ours.map((name) => name.replace(/_(bucket|sum|count)$/, '')));
  expect([...unasked].filter((name) => !asked.has(name))).toEqual([]);
});

it('labels are bounded: no series names a partner, a subscription, an event or a delivery', () => {
  const labels = new Set([...series.values()].flatMap((each) => [...each]));
  for (const label of labels) expect(label).not.toMatch(/partner|subscription|event|delivery|url|path/);
});

const RUNBOOKS = [
  'backlog',
  'poison-messages',
  'a-partners-outage',
  'database-failover',
  'key-rotation',
  'workers-down',
];
const OPERATIONS = new URL('../docs/operations.md', import.meta.url);

it('every alert has a summary, a description and a runbook', () => {
  const headings = existsSync(OPERATIONS)
    ? [...readFileSync(OPERATIONS, 'utf8').matchAll(/^#+ (.*)$/gm)].map(([, title]) => anchorOf(title as string))
    : RUNBOOKS;
  for (const { alert, annotations } of rules()) {
    if (!alert) continue;
    expect(annotations, alert).toMatchObject({
      summary: expect.stringMatching(/./),
      description: expect.stringMatching(/./),
    });
    const anchor = /^docs\/operations\.md#(.+)$/.exec(annotations?.runbook ?? '')?.[1];
    expect(RUNBOOKS, alert).toContain(anchor);
    expect(headings, alert).toContain(anchor);
  }
});

const anchorOf = (title: string): string =>
  title
    .toLowerCase()
    .replaceAll(/[^\w\- ]/g, '')
    .replaceAll(' ', '-');
