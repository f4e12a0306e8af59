import { type ChildProcess, fork, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { freePort } from '../src/embedded/ports.ts';
import { dashboardQueries, type Query, rules } from '../test/support/promql.ts';

/*
 * Checks observability/ with Prometheus itself: promtool reads the settings and the rules, runs the rules' tests and lints a live
 * /metrics; then a Prometheus scrapes Postrider for some seconds of traffic and answers every query of the dashboard and the rules.
 */

const FOLDER = fileURLToPath(new URL('../observability/', import.meta.url));
const ADMIN_KEY = 'postrider_key_of_one_check_only';

/** Rates need two scrapes, one a second, and what is counted late two more. */
const SCRAPED = 'min(count_over_time(up{job=~"postrider-.*"}[1m])) >= 4';
const READY_MS = 30_000;

const children: ChildProcess[] = [];
const folder = await mkdtemp(join(tmpdir(), 'postrider-observability-'));
try {
  promtool(['check', 'config', 'prometheus.yml']);
  promtool(['test', 'rules', 'alerts.test.yml']);
  const service = await startPostrider();
  promtool(['check', 'metrics'], await service.scrape());
  const prometheus = await startPrometheus(service.targets);
  await service.trafficUntil(async () => (await resultOf(prometheus, SCRAPED)).length > 0);
  const queries = [
    ...dashboardQueries(),
    ...rules().map(({ alert, record, expr }) => ({ where: `rule ${alert ?? record}`, expr })),
  ];
  const faults = await Promise.all(queries.map((query) => answerOf(prometheus, query)));
  const failed = faults.filter((fault) => fault !== null);
  console.log(`${queries.length - failed.length} of ${queries.length} queries answered by Prometheus`);
  for (const fault of failed) console.error(fault);
  if (failed.length > 0) process.exitCode = 1;
} finally {
  await Promise.all(children.map(end));
  await rm(folder, { recursive: true, force: true });
}

/** Runs promtool on the folder; what it finds ends the check. */
function promtool(args: string[], input?: string): void {
  const { error, status } = spawnSync('promtool', args, {
    cwd: FOLDER,
    ...(input === undefined ? {} : { input }),
    stdio: [input === undefined ? 'ignore' : 'pipe', 'inherit', 'inherit'],
  });
  if (error) throw missing('promtool', error);
  if (status !== 0) throw new Error(`promtool ${args.join(' ')} has found faults`);
}

const missing = (tool: string, cause: Error): Error =>
  new Error(`${tool} is not on the PATH: Debian and Ubuntu have it in the package prometheus`, { cause });

/** The all-in-one process, with its worker's port as well. */
async function startPostrider() {
  const metricsPort = await freePort();
  const env = {
    DATA_DIR: join(folder, 'data'),
    PORT: '0',
    METRICS_PORT: String(metricsPort),
    ADMIN_API_KEY: ADMIN_KEY,
  };
  const child = fork(fileURLToPath(new URL('../src/main.ts', import.meta.url)), {
    env: { ...process.env, ...env, LOG_LEVEL: 'error' },
    stdio: ['ignore', 'ignore', 'inherit', 'ipc'],
  });
  children.push(child);
  const [{ url }] = (await once(child, 'message')) as [{ url: string }];
  const call = (method: string, path: string, body?: object) =>
    fetch(`${url}${path}`, {
      method,
      headers: { authorization: `Bearer ${ADMIN_KEY}`, 'content-type': 'application/json' },
      ...(body && { body: JSON.stringify(body) }),
    });
  await call('POST', '/v1/partners', { id: 'acme', name: 'Acme' });
  // The API itself is the receiver: it answers 404.
  await call('POST', '/v1/partners/acme/subscriptions', { url: `${url}/hooks`, eventTypes: ['*'] });
  const event = { partnerId: 'acme', type: 'order.created', data: {} };
  return {
    targets: { 'postrider-api': new URL(url).host, 'postrider-worker': `127.0.0.1:${metricsPort}` },
    scrape: async () => (await call('GET', '/metrics')).text(),
    async trafficUntil(enough: () => Promise<boolean>) {
      for (const until = Date.now() + READY_MS; !(await enough()); await delay(50)) {
        await call('POST', '/v1/events', event);
        if (Date.now() > until) throw new Error(`Prometheus has not scraped within ${READY_MS} ms`);
      }
    },
  };
}

/** A Prometheus with the project's rules that scrapes every second; gives its URL. */
async function startPrometheus(targets: Readonly<Record<string, string>>): Promise<string> {
  const jobs = Object.entries(targets).map(([job_name, target]) => ({
    job_name,
    scrape_interval: '1s',
    authorization: { credentials: ADMIN_KEY },
    static_configs: [{ targets: [target] }],
  }));
  const config = {
    global: { evaluation_interval: '1s' },
    rule_files: [join(FOLDER, 'alerts.yml')],
    scrape_configs: jobs,
  };
  await writeFile(join(folder, 'prometheus.yml'), JSON.stringify(config)); // JSON is YAML
  const address = `127.0.0.1:${await freePort()}`;
  const args = [`--config.file=${folder}/prometheus.yml`, `--storage.tsdb.path=${folder}/tsdb`];
  const child = spawn('prometheus', [...args, `--web.listen-address=${address}`, '--log.level=error'], {
    stdio: ['ignore', 'inherit', 'inherit'],
  });
  children.push(child);
  const failed = once(child, 'error').then(([error]) => Promise.reject(missing('prometheus', error)));
  await Promise.race([failed, ready(`http://${address}/-/ready`)]);
  return `http://${address}`;
}

async function ready(url: string): Promise<void> {
  for (const until = Date.now() + READY_MS; Date.now() < until; await delay(50)) {
    const answer = await fetch(url).catch(() => null);
    if (answer?.ok) return;
  }
  throw new Error(`${url} is not ready after ${READY_MS} ms`);
}

/** Why a query is not as it should be; null when it is. One that compares may well have no result. */
async function answerOf(prometheus: string, { where, expr }: Query): Promise<string | null> {
  try {
    const mayBeEmpty = / [<>=]=? [\d.]+|^absent/.test(expr);
    return (await resultOf(prometheus, expr)).length > 0 || mayBeEmpty ? null : `${where}: no result for ${expr}`;
  } catch (error) {
    return `${where}: ${error} in ${expr}`;
  }
}

async function resultOf(prometheus: string, query: string): Promise<readonly unknown[]> {
  const answer = await fetch(`${prometheus}/api/v1/query?${new URLSearchParams({ query })}`);
  const { status, error, data } = (await answer.json()) as Answer;
  if (status !== 'success') throw new Error(error);
  return data.result;
}

interface Answer {
  readonly status: string;
  readonly error?: string;
  readonly data: { readonly result: readonly unknown[] };
}

async function end(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null || child.pid === undefined) return;
  child.kill('SIGTERM');
  await once(child, 'exit');
}
