import type { KnipConfig } from 'knip';

export default {
  entry: [
    'src/{main,api,worker,cli}.ts',
    'src/embedded/{guard,emulator-child}.ts', // started as processes of their own
    'localstack/{run,guard}.ts',
    'scripts/*.{ts,mjs}',
    'bench/*.ts',
    'test/**/*.ts',
  ],
  project: ['src/**/*.ts', 'localstack/*.ts', 'scripts/**/*.{ts,mjs}', 'bench/**/*.ts', 'test/**/*.ts'],
  // A type that stands in an exported function's signature is part of it, even if nobody names it yet.
  ignoreExportsUsedInFile: { interface: true, type: true },
  // The package's own, once it is installed; Debian's package prometheus.
  ignoreBinaries: ['postrider', 'promtool', 'prometheus'],
  ignoreDependencies: [
    '@prisma/client', // imported by the generated client only
    '@swc/core', // dependency-cruiser's parser: it cannot use TypeScript 7 yet
  ],
} satisfies KnipConfig;
