import type { Metrics } from './metrics.ts';

/** What a listener calls. */
export interface ListenerCalls {
  onListening(): void;
  onError(error: unknown): void;
}

/** Whether each role's listening connection is there: without it, changes are noticed later. */
export function measureListeners(metrics: Metrics) {
  const connected = metrics.gauge({
    name: 'postrider_listener_connected',
    help: '1 while the connection that hears of changes is open.',
    labelNames: ['role'],
  });
  return <T extends ListenerCalls>(role: 'api' | 'worker', calls: T): T => {
    connected.set({ role }, 0);
    return {
      ...calls,
      onListening: () => {
        connected.set({ role }, 1);
        calls.onListening();
      },
      onError: (error: unknown) => {
        connected.set({ role }, 0);
        calls.onError(error);
      },
    };
  };
}
