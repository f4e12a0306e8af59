import type { Accept, AcceptPorts } from '../pipeline/accept.ts';
import { measureApi, type Topic } from './measured-api.ts';
import type { Telemetry } from './telemetry.ts';
import { type TracedRequest, traceApi } from './traced-api.ts';

/** Measures, and where traces are wanted traces, the functions that an API process hands around. */
export function watchApi({ metrics, tracing }: Telemetry, lanes: readonly string[]) {
  const measured = measureApi(metrics, lanes);
  const traced = tracing && traceApi(tracing);
  return {
    accept(accept: Accept): Accept {
      const counted = measured.accept(accept);
      return traced?.accept(counted) ?? counted;
    },
    publish: (publish: AcceptPorts['publish']): AcceptPorts['publish'] => traced?.publish(publish) ?? publish,
    topic<M extends { readonly attributes: Readonly<Record<string, string>> }, T extends Topic<M>>(
      topic: T & Topic<M>,
    ): T {
      const counted = measured.topic<M, T>(topic);
      return traced?.topic<M, T>(counted as T & Topic<M>) ?? counted;
    },
    /** What the server tells of each request. */
    requests: {
      ...(traced && { begin: traced.begin, handle: traced.handle }),
      end(request: TracedRequest, statusCode: number, seconds: number): void {
        measured.request(request, statusCode, seconds);
        traced?.end(request, statusCode);
      },
    },
  };
}
