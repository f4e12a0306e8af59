import { parse } from '@lukeed/ms';
import { InvalidArgumentError } from 'commander';
import { isTimestamp } from '../domain/event.ts';

/** A duration such as `30s` or `2h` → milliseconds. */
export function toDuration(text: string): number {
  const ms = /^\d+(\.\d+)?(ms|s|m|h|d)$/.test(text) ? parse(text) : undefined;
  if (ms === undefined) throw new InvalidArgumentError('It must be a duration such as 30s or 2h (units ms s m h d).');
  return ms;
}

/** `2h` (so long ago) or an ISO 8601 time → ISO 8601. */
export const toPast = (text: string): string => toTime(text, -1);

/** `30d` (so long from now) or an ISO 8601 time → ISO 8601. */
export const toFuture = (text: string): string => toTime(text, 1);

function toTime(text: string, direction: 1 | -1): string {
  if (isTimestamp(text)) return new Date(text).toISOString();
  if (!/^\d/.test(text) || text.includes('-')) throw noTime();
  try {
    return new Date(Date.now() + direction * toDuration(text)).toISOString();
  } catch {
    throw noTime();
  }
}

const noTime = () =>
  new InvalidArgumentError('It must be a duration such as 2h, or a time such as 2026-01-31T12:00:00Z.');

/** A whole number, 1 or more. */
export function toCount(text: string): number {
  if (!/^[1-9]\d{0,5}$/.test(text)) throw new InvalidArgumentError('It must be a whole number, 1 or more.');
  return Number(text);
}
