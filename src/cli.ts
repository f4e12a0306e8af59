#!/usr/bin/env node

/** As `engines` of package.json says, which npm only warns about. */
const OLDEST_NODE = 24;

// Nothing is imported before this: an older Node would trip over it with an error of its own.
if (Number.parseInt(process.versions.node, 10) < OLDEST_NODE) {
  console.error(
    `postrider: this is Node ${process.versions.node}: use ${OLDEST_NODE} or newer (npx postrider brings one)`,
  );
  process.exit(1);
}
const { run } = await import('./cli/program.ts');
await run(process.argv);

export {};
