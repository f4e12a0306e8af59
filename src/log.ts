import { type DestinationStream, type Logger, pino } from 'pino';
import { type IdPrefix, publicId } from './domain/ids.ts';

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

/** Ids in lines are written as the API writes them, so that what a line names can be looked up. */
const IDS: Readonly<Record<string, IdPrefix>> = {
  eventId: 'evt',
  deliveryId: 'dlv',
  deliveryIds: 'dlv',
  subscriptionId: 'sub',
  subscriptionIds: 'sub',
};

const UUID = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/;

function withPublicIds(line: Record<string, unknown>): Record<string, unknown> {
  const shown = (kind: IdPrefix, value: unknown): unknown => {
    if (Array.isArray(value)) return value.map((each) => shown(kind, each));
    return typeof value === 'string' && UUID.test(value) ? publicId(kind, value) : value;
  };
  const ids = Object.entries(IDS).filter(([name]) => name in line);
  return { ...line, ...Object.fromEntries(ids.map(([name, kind]) => [name, shown(kind, line[name])])) };
}

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
  const options = {
    level,
    base: null,
    redact,
    timestamp: pino.stdTimeFunctions.isoTime,
    formatters: { level: (label: string) => ({ level: label }), log: withPublicIds },
    ...(traceId && { mixin }),
  };
  return to ? pino(options, to) : pino(options);
}
