import type { Client } from './client.ts';

interface Page<T> {
  readonly data: T[];
  readonly nextCursor: string | null;
}

const LARGEST_PAGE = 250;

type Query = Readonly<Record<string, string | undefined>>;

/** The first `limit` rows of a list, over as many pages as that takes. */
export async function readList<T>(client: Client, path: string, query: Query, limit: number): Promise<T[]> {
  const rows: T[] = [];
  for (let cursor: string | null = ''; cursor !== null && rows.length < limit; ) {
    const size = String(Math.min(LARGEST_PAGE, limit - rows.length));
    const page: Page<T> = await client.call(
      'GET',
      withQuery(path, { ...query, limit: size, cursor: cursor || undefined }),
    );
    rows.push(...page.data);
    cursor = page.nextCursor;
  }
  return rows;
}

/** What is undefined is left out. */
export function withQuery(path: string, query: Query): string {
  const given = Object.entries(query).flatMap(([name, value]) => (value === undefined ? [] : [[name, value]]));
  return given.length === 0 ? path : `${path}?${new URLSearchParams(given)}`;
}

/** A path whose parameters are escaped: `/v1/partners/${id}`. */
export const path = (texts: TemplateStringsArray, ...values: string[]): string =>
  String.raw({ raw: texts }, ...values.map(encodeURIComponent));
