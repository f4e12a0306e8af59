import { configDefaults, defineConfig } from 'vitest/config';

export default defineConfig({
  test: {
    include: ['src/**/*.test.ts', 'test/**/*.test.ts'],
    // `npm run test:localstack` runs these.
    exclude: [...configDefaults.exclude, 'test/localstack/**'],
    globalSetup: ['test/support/global-setup.ts'],
    pool: 'forks',
    // Two files at a time: the machines this runs on have two cores, and most files start Postgres work or processes.
    maxWorkers: 2,
    testTimeout: 30_000,
    hookTimeout: 60_000,
  },
});
