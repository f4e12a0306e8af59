/** What doctor looks at; loaded together, as it brings Postgres and the AWS SDK with it. */
export { checkApi } from './api.ts';
export { checkBus } from './bus.ts';
export { checkDatabase } from './database.ts';
export { checkEgress } from './egress.ts';
