import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { expect, it } from 'vitest';

const demo = fileURLToPath(new URL('../scripts/demo.ts', import.meta.url));

it('every example payload is delivered, retried or exhausted as told, verified and byte-identical', async () => {
  const { stdout } = await promisify(execFile)(process.execPath, [demo]);
  const figure = (name: string) => new RegExp(`^${name}\\D*?\\s{2,}(.+)$`, 'm').exec(stdout)?.[1];
  const published = Number(figure('published'));
  expect(published).toBeGreaterThan(300);
  expect(Number(figure('healthy: delivered'))).toBe(published);
  expect(Number(figure('flaky: delivered'))).toBe(published);
  expect(Number(figure('broken: exhausted'))).toBe(published);
  expect(Number(figure('webhook requests in all'))).toBe(published * 8);
  expect(figure('signatures verified')).toBe(`${published * 3} of ${published * 3}`);
  expect(figure('bodies byte-identical')).toBe(`${published * 3} of ${published * 3}`);
}, 150_000);
