import { type DestinationStream, type Logger, pino } from 'pino';

/** What must never be read in a log, wherever it stands in a line: at its top, in an object of it, or one deeper. */
const SECRET = [
  'authorization',
  'secret',
  'secrets',
  'password',
  'key',
  'adminApiKey',
  'encryptionKeys',
  'databaseUrl',
];

/** Headers may be a partner's own, whose values can be credentials. */
const redact = [...SECRET, 'headers'].flatMap((name) => [name, `*.${name}`, `*.*.${name}`]);

/**
 * JSON lines on stdout; secrets never reach a line, and this is the net beneath.
 *
 * @param traceId of the trace that a line belongs to, where traces are on
 */
export function createLog(
  level: string,
  traceId?: (() => string | undefined) | undefined,
  to?: DestinationStream,
): Logger {
  const mixin = () => {
    const id = traceId?.();
    return id === undefined ? {} : { traceId: id };
  };
  const options = { level, base: null, redact, ...(traceId && { mixin }) };
  return to ? pino(options, to) : pino(options);
}
