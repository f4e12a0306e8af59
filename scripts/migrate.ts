import { configOrExit } from '../src/config.ts';
import { migrate } from '../src/store/migrate.ts';

const { databaseUrl } = configOrExit(process.env, 'all');
if (!databaseUrl) {
  console.error(
    'DATABASE_URL is missing: a PostgreSQL connection URL. The embedded Postgres is migrated by npm start.',
  );
  process.exit(1);
}
const applied = await migrate(databaseUrl);
console.log(applied.length > 0 ? `applied ${applied.join(', ')}` : 'up to date');
