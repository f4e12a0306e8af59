/**
 * How long attempts took, as counts in buckets that grow by 8 %: a percentile read from them is off by 4 % at the most, whatever the
 * distribution, and two histograms add up to the histogram of both (as in DDSketch, https://arxiv.org/abs/1908.10693).
 * Bucket → count.
 */
export type Latency = Map<number, number>;

const GROWTH = 1.08;
const LOG_GROWTH = Math.log(GROWTH);

/** Milliseconds: whatever is below is in bucket 0. */
const SHORTEST_MS = 0.1;

export function addLatency(latency: Latency, ms: number): void {
  add(latency, bucketOf(ms), 1);
}

/** Adds the other's counts. */
export function mergeLatency(latency: Latency, other: ReadonlyMap<number, number>): void {
  for (const [bucket, count] of other) add(latency, bucket, count);
}

/**
 * The times that this share of all attempts did not exceed, one for each of `shares` (0–1), in milliseconds. Null when there are no
 * attempts.
 */
export function percentiles(latency: ReadonlyMap<number, number>, shares: readonly number[]): number[] | null {
  const buckets = [...latency].sort(([one], [other]) => one - other);
  const total = buckets.reduce((sum, [, count]) => sum + count, 0);
  return total === 0 ? null : shares.map((share) => msOf(bucketAt(buckets, Math.max(1, Math.ceil(share * total)))));
}

/** The bucket of the attempt with this rank, from 1. */
function bucketAt(buckets: readonly (readonly [number, number])[], rank: number): number {
  let passed = 0;
  for (const [bucket, count] of buckets) {
    passed += count;
    if (passed >= rank) return bucket;
  }
  return 0;
}

/** Bucket n holds what is longer than 0.1 ms × 1.08ⁿ⁻¹ and not longer than 0.1 ms × 1.08ⁿ. */
const bucketOf = (ms: number): number =>
  ms > SHORTEST_MS ? Math.ceil(Math.log(ms / SHORTEST_MS) / LOG_GROWTH - 1e-9) : 0;

/** The time whose relative distance to both ends of the bucket is the same; three digits, the rest would be invented. */
const msOf = (bucket: number): number =>
  bucket === 0 ? SHORTEST_MS : Number(((SHORTEST_MS * GROWTH ** bucket * 2) / (1 + GROWTH)).toPrecision(3));

const add = (latency: Latency, bucket: number, count: number): void => {
  latency.set(bucket, (latency.get(bucket) ?? 0) + count);
};

/** For the record: pairs of bucket and count, each as a LEB128 number; two or three bytes for each bucket that has any. */
export function encodeLatency(latency: ReadonlyMap<number, number>): Uint8Array {
  const bytes: number[] = [];
  for (const pair of latency) {
    for (let value of pair) {
      for (; value > 127; value = Math.floor(value / 128)) bytes.push((value % 128) + 128);
      bytes.push(value);
    }
  }
  return Uint8Array.from(bytes);
}

export function decodeLatency(bytes: Uint8Array): Latency {
  const values: number[] = [];
  let value = 0;
  let unit = 1;
  for (const byte of bytes) {
    value += (byte % 128) * unit;
    unit *= 128;
    if (byte > 127) continue;
    values.push(value);
    value = 0;
    unit = 1;
  }
  const latency: Latency = new Map();
  for (let at = 0; at < values.length; at += 2) add(latency, values[at] as number, values[at + 1] as number);
  return latency;
}
