/** Milliseconds since then, to a hundredth: more digits are noise, and each is stored. */
export const msSince = (start: number): number => Math.round((performance.now() - start) * 100) / 100;
