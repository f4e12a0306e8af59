/** One event to 20 subscriptions: how many deliveries a second are sustained. */
import { startBox } from './box.ts';

const SUBSCRIPTIONS = 20;
const PLAN = { partnerId: 'fan', mode: 'closed', batch: 1, fanOut: SUBSCRIPTIONS, connections: 16 } as const;

const box = await startBox();
try {
  await box.addPartner('fan', '/fan', SUBSCRIPTIONS);
  await box.play({ ...PLAN, seconds: 3, outstanding: 20 }); // warm
  await box.drained('/fan');
  const started = performance.now();
  const { accepted } = await box.play({ ...PLAN, seconds: 12, outstanding: 100 });
  const { count, lastAt } = await box.drained('/fan');
  const perSecond = (count * 1000) / (lastAt - started);
  console.log(`${accepted} events, ${count} deliveries, ${Math.round(perSecond).toLocaleString('en')} deliveries/s`);
  if (count !== accepted * SUBSCRIPTIONS) process.exitCode = 1;
} finally {
  await box.stop();
}
