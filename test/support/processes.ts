import { readdirSync, readFileSync } from 'node:fs';

/** All processes below this one, however deep. Linux only. */
export function descendants(pid: number): number[] {
  const children = readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .map(Number)
    .filter((each) => stat(each)?.parent === pid);
  return children.flatMap((child) => [child, ...descendants(child)]);
}

/** Not ended, and not a zombie that nobody has waited for. */
export const isRunning = (pid: number): boolean => {
  const state = stat(pid)?.state;
  return state !== undefined && state !== 'Z';
};

function stat(pid: number): { state: string; parent: number } | null {
  try {
    const text = readFileSync(`/proc/${pid}/stat`, 'utf8');
    const [state, parent] = text.slice(text.lastIndexOf(')') + 2).split(' ');
    return { state: state as string, parent: Number(parent) };
  } catch {
    return null;
  }
}
