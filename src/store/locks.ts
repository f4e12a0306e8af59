/**
 * The numbers of Postgres' advisory locks, all in one place: two uses that share a number shut each other out. Part of the
 * contract between versions that run side by side, so a number is never given another meaning.
 */
export const LOCKS = {
  /** Making and changing partitions; a transaction's. */
  partitions: 7_716_101,
  /** Held by the session of the worker that is elected for housekeeping, for as long as that lives. */
  housekeeping: 7_716_102,
  /** Handing out times for bulk redrives; a transaction's. */
  redrive: 7_716_103,
  /** Counting attempts for the statistics; a transaction's. */
  stats: 7_716_104,
} as const;
