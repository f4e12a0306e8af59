import type { TopologyDefinition } from './pubsub/index.ts';

/** What the service makes for itself where nothing is configured; `topology.json` is its description. */
export const DEFAULT_TOPOLOGY: TopologyDefinition = { name: 'postrider', lanes: ['live', 'bulk'] };
