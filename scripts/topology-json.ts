/*
 * Writes topology.json at the project's root: what everything that makes the topology elsewhere (Terraform, LocalStack's
 * start-up script) reads. With arguments it prints another one instead: topology-json.ts <name> <lane>…
 */
import { writeFile } from 'node:fs/promises';
import { DEFAULT_TOPOLOGY } from '../src/default-topology.ts';
import { describeTopology } from '../src/pubsub/index.ts';

const FILE = new URL('../topology.json', import.meta.url);

const [name, ...lanes] = process.argv.slice(2);
const json = `${JSON.stringify(describeTopology(name ? { name, lanes } : DEFAULT_TOPOLOGY), null, 2)}\n`;
if (name) process.stdout.write(json);
else await writeFile(FILE, json);
