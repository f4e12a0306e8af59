import { expect, it } from 'vitest';
import { publicId } from './domain/ids.ts';
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

it('levels are words, times ISO 8601, and ids those of the API', () => {
  const id = '01a210b2-eff9-73d1-a7b8-5405a76fe2b4';
  const [line = ''] = linesOf((log) => log.warn({ eventId: id, deliveryIds: [id], partnerId: 'acme' }, 'event'));
  expect(JSON.parse(line)).toEqual({
    level: 'warn',
    time: expect.stringMatching(/^\d{4}-\d\d-\d\dT[\d:.]+Z$/),
    eventId: publicId('evt', id),
    deliveryIds: [publicId('dlv', id)],
    partnerId: 'acme',
    msg: 'event',
  });
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
