/** What the embedded services need of a logger; pino and Fastify loggers fit as they are. */
export interface Log {
  debug(fields: object, message: string): void;
  info(fields: object, message: string): void;
  warn(fields: object, message: string): void;
  error(fields: object, message: string): void;
}

const nothing = () => {};

/** Says nothing: the default. */
export const silent: Log = { debug: nothing, info: nothing, warn: nothing, error: nothing };
