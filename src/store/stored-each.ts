import { type UntilStoredOptions, untilStored } from './transient.ts';

/** What became of one row. */
export type Settled<R> = { readonly ok: true; readonly value: R } | { readonly ok: false; readonly error: unknown };

/**
 * Stores rows in one statement, for as long as it takes. When Postgres refuses the statement for what is in it, halves are
 * stored on their own, down to the one row that is at fault: it fails alone.
 */
export async function storedEach<T, R>(
  rows: readonly T[],
  call: (rows: readonly T[]) => Promise<R[]>,
  options: UntilStoredOptions,
): Promise<Settled<R>[]> {
  try {
    const values = await untilStored(() => call(rows), options);
    return values.map((value) => ({ ok: true, value }));
  } catch (error) {
    if (rows.length === 1 || options.signal.aborted) return rows.map(() => ({ ok: false, error }));
    const middle = rows.length >> 1;
    const first = await storedEach(rows.slice(0, middle), call, options);
    return first.concat(await storedEach(rows.slice(middle), call, options));
  }
}
