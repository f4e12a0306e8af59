import { type Logger, pino } from 'pino';

/** JSON lines on stdout; secrets never reach a line, and this is the net beneath. */
export const createLog = (level: string): Logger =>
  pino({ level, base: null, redact: ['*.authorization', '*.secret', '*.password', 'databaseUrl'] });
