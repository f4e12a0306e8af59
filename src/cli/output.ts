/** Machine output: one JSON document. */
export function printJson(value: unknown): void {
  console.log(JSON.stringify(value, null, 2));
}

type Cell = string | number | null | undefined;

/** A table for people: a column for each key of `columns`, whose values are the headings. */
export function printTable<Row>(rows: readonly Row[], columns: Readonly<Record<string, (row: Row) => Cell>>): void {
  if (rows.length === 0) {
    console.log('none');
    return;
  }
  const headings = Object.keys(columns);
  const lines = [headings, ...rows.map((row) => Object.values(columns).map((cell) => String(cell(row) ?? '-')))];
  const widths = headings.map((_, at) => Math.max(...lines.map((line) => (line[at] as string).length)));
  for (const line of lines)
    console.log(
      line
        .map((cell, at) => cell.padEnd(widths[at] as number))
        .join('  ')
        .trimEnd(),
    );
}

/** Name and value on a line each. */
export function printFacts(facts: Readonly<Record<string, Cell>>): void {
  const width = Math.max(...Object.keys(facts).map(({ length }) => length));
  for (const [name, value] of Object.entries(facts)) console.log(`${name.padEnd(width)}  ${value ?? '-'}`);
}

/** A line for people that is not the result: progress, advice. */
export const note = (line: string): void => console.error(line);
