/** Nothing here can run Docker, so docker-compose.yml is held against what it must agree with. */
import { existsSync, readFileSync } from 'node:fs';
import { Ajv } from 'ajv';
import { expect, it } from 'vitest';
import { parse } from 'yaml';
import { settingsFor } from '../localstack/settings.ts';
import { readConfig } from '../src/config.ts';

interface Service {
  readonly image: string;
  readonly environment?: Readonly<Record<string, string>>;
  readonly volumes?: readonly string[];
  readonly ports?: readonly string[];
  readonly depends_on?: Readonly<Record<string, object>>;
  readonly healthcheck?: object;
  readonly profiles?: readonly string[];
}

const root = new URL('../', import.meta.url);
const text = (path: string) => readFileSync(new URL(path, root), 'utf8');
const compose: { services: Record<string, Service>; volumes: object } = parse(text('docker-compose.yml'), {
  merge: true,
});
const services = Object.entries(compose.services);
const postrider = ['api', 'worker'] as const;

/** The schema of the Compose Specification, as its linter brings it. */
function isValid(): (file: unknown) => boolean {
  const schema = JSON.parse(text('node_modules/dclint/schemas/compose.schema.json'));
  const ajv = new Ajv({ strict: false, validateFormats: false });
  const validate = ajv.compile({ ...schema, $schema: 'http://json-schema.org/draft-07/schema#' });
  return (file) => validate(file);
}

it('is valid by the Compose Specification', () => {
  const valid = isValid();
  expect(valid(compose)).toBe(true);
  expect(valid({ ...compose, services: { api: { imagee: 'postrider' } } })).toBe(false);
});

/** Sources of mounts that are not there, below one folder or file of the checkout. */
function missing(prefix: string): string[] {
  const mounts = services.flatMap(([, { volumes = [] }]) => volumes.map((mount) => mount.split(':')[0] as string));
  const ours = mounts.filter((source) => source.startsWith(prefix));
  expect(ours).not.toEqual([]);
  return ours.filter((source) => !existsSync(new URL(source, root)));
}

it('mounts only what exists', () => {
  for (const prefix of ['./topology.json', './localstack', './observability']) expect(missing(prefix)).toEqual([]);
});

it('Prometheus has the key of the API that it scrapes', () => {
  const key = readFileSync(new URL('observability/dev-admin-key', root), 'utf8').trim();
  expect(compose.services.api?.environment?.ADMIN_API_KEY).toBe(key);
  const { volumes = [] } = compose.services.prometheus as Service;
  const config = readFileSync(new URL('observability/prometheus.yml', root), 'utf8');
  const files = [...config.matchAll(/credentials_file: ([\w-]+)/g)].map(([, file]) => file);
  expect(files).toEqual(['dev-admin-key']);
  for (const file of files) expect(volumes).toContain(`./observability/${file}:/etc/prometheus/${file}:ro`);
});

it.each(postrider)('gives %s settings that are understood, for the topology that LocalStack makes', async (role) => {
  const { environment = {} } = compose.services[role] as Service;
  expect(environment).toMatchObject(await settingsFor('http://localstack:4566'));
  const { transport, databaseUrl } = readConfig(environment, role);
  expect(transport?.lanes.map(({ name }) => name)).toEqual(['live', 'bulk']);
  const { username, password, pathname } = new URL(databaseUrl as string);
  expect(compose.services.postgres?.environment).toEqual({
    POSTGRES_USER: username,
    POSTGRES_PASSWORD: password,
    POSTGRES_DB: pathname.slice(1),
  });
});

it('uses the LocalStack that `npm run localstack` uses', () => {
  const version = /^localstack-core==(.+)$/m.exec(text('localstack/requirements.lock'))?.[1];
  expect(compose.services.localstack?.image).toBe(`localstack/localstack:${version}`);
});

it('opens every port on the loopback only, and waits for health, which every service tells', () => {
  for (const port of services.flatMap(([, { ports = [] }]) => ports)) expect(port).toMatch(/^127\.0\.0\.1:/);
  for (const [, { depends_on = {} }] of services) {
    for (const each of Object.values(depends_on)) expect(each).toMatchObject({ condition: 'service_healthy' });
  }
  expect(services.filter(([, { healthcheck }]) => !healthcheck).map(([name]) => name)).toEqual([]);
});

it('starts Prometheus and Grafana only when asked to', () => {
  const asked = services.filter(([, { profiles }]) => profiles?.includes('observability')).map(([name]) => name);
  expect(asked).toEqual(['prometheus', 'grafana']);
});
