/*
 * What a process tells of itself: metrics always, traces where they are wanted. Entry files wrap the functions that they hand around
 * with what is made here; nothing else knows of it.
 */
export { startProbeServer } from './probe-server.ts';
export { createTelemetry, startTelemetry, type Telemetry } from './telemetry.ts';
export { watchApi } from './watch-api.ts';
export { watchWorker } from './watch-worker.ts';
