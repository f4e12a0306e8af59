import { defineConfig } from 'vitest/config';

/** The package as its users get it. On its own, because it builds and installs, from the npm registry or npm's cache. */
export default defineConfig({
  test: {
    include: ['test/package/*.ts'],
    testTimeout: 60_000,
    hookTimeout: 180_000,
  },
});
