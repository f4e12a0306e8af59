import { expect, it } from 'vitest';
import { createLog } from './log.ts';

/** The lines that a log writes. */
function linesOf(write: (log: ReturnType<typeof createLog>) => void, traceId?: () => string | undefined) {
  const lines: string[] = [];
  write(createLog('debug', traceId, { write: (line) => void lines.push(line) }));
  return lines;
}

it('no secret reaches a line, wherever it stands', () => {
  const secret = 's3cr3t';
  const lines = linesOf((log) => {
    log.info({ authorization: secret, databaseUrl: secret, password: secret }, 'top');
    log.info({ request: { headers: { authorization: secret, 'x-own': secret } } }, 'headers');
    log.warn({ subscription: { id: 'sub_1', secrets: [secret], headers: { 'x-own': secret } } }, 'subscription');
    log.error({ err: Object.assign(new Error('refused'), { password: secret, config: { secret } }) }, 'error');
  });
  expect(lines).toHaveLength(4);
  for (const line of lines) expect(line).not.toContain(secret);
  expect(lines[2]).toContain('sub_1');
});

it('a line within a trace says which, and others say nothing', () => {
  let current: string | undefined = '4bf92f3577b34da6a3ce929d0e0e4736';
  const lines = linesOf(
    (log) => {
      log.info('within');
      current = undefined;
      log.info('without');
    },
    () => current,
  );
  expect(lines.map((line) => JSON.parse(line).traceId)).toEqual(['4bf92f3577b34da6a3ce929d0e0e4736', undefined]);
});
