import type { MaintainPorts, MaintenanceRun } from '../pipeline/maintain.ts';
import type { Metrics } from './metrics.ts';

/** Everything that can fail in a run, as `onError` names it. */
const PARTS = [
  'election',
  'connection',
  'makePartitions',
  'dropPartitions',
  'deleteIdempotencyKeys',
  'deleteDeadLetters',
];

/** Housekeeping: who does it, when it was last done, and what failed. */
export function measureMaintenance(metrics: Metrics) {
  const elected = metrics.gauge({
    name: 'postrider_maintenance_elected',
    help: '1 in the worker that does the housekeeping, 0 in those that stand by.',
  });
  const lastRun = metrics.gauge({
    name: 'postrider_maintenance_last_run_timestamp_seconds',
    help: 'When this worker last ended a run; 0: not since it started.',
  });
  const dropped = metrics.counter({
    name: 'postrider_maintenance_partitions_dropped_total',
    help: 'Days that retention has dropped, a table at a time.',
  });
  const kept = metrics.gauge({
    name: 'postrider_maintenance_partitions_kept',
    help: 'Days past their time that the last run kept for pending deliveries.',
  });
  const failures = metrics.counter(
    { name: 'postrider_maintenance_failures_total', help: 'Parts of runs that failed.', labelNames: ['part'] },
    PARTS.map((part) => ({ part })),
  );
  return (ports: MaintainPorts): MaintainPorts => ({
    ...ports,
    elected: async () => {
      let answer = false; // a question without an answer is no election
      try {
        answer = await ports.elected();
        return answer;
      } finally {
        elected.set(answer ? 1 : 0);
      }
    },
    onRun: (run: MaintenanceRun) => {
      lastRun.setToCurrentTime();
      dropped.inc(run.partitionsDropped?.length ?? 0);
      kept.set(run.partitionsKept?.length ?? 0);
      ports.onRun(run);
    },
    onError: (error, during) => {
      failures.inc({ part: during });
      ports.onError(error, during);
    },
  });
}
