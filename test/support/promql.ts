import { readFileSync } from 'node:fs';
import { parser } from '@prometheus-io/lezer-promql';
import { parse as parseYaml } from 'yaml';

/** A PromQL query and where it stands. */
export interface Query {
  readonly where: string;
  readonly expr: string;
}

/** A metric that a query asks for, with the labels it picks by. */
export interface Selector {
  readonly metric: string;
  readonly labels: readonly string[];
}

const read = (path: string) => readFileSync(new URL(`../../observability/${path}`, import.meta.url), 'utf8');

interface Rules {
  readonly groups: readonly {
    readonly rules: readonly {
      readonly alert?: string;
      readonly record?: string;
      readonly expr: string;
      readonly annotations?: Readonly<Record<string, string>>;
    }[];
  }[];
}

/** The rules of alerts.yml. */
export const rules = () => (parseYaml(read('alerts.yml')) as Rules).groups.flatMap((group) => group.rules);

interface Dashboard {
  readonly panels: readonly { readonly title: string; readonly targets?: readonly { readonly expr: string }[] }[];
  readonly templating: { readonly list: readonly { readonly name: string; readonly definition?: string }[] };
}

/** Grafana's own variables, as a query would have them. */
const filled = (expr: string): string => expr.replaceAll('$__rate_interval', '1m').replaceAll('$lane', '.*');

/** Every query of the dashboard, those of its variables too. */
export function dashboardQueries(): Query[] {
  const { panels, templating } = JSON.parse(read('grafana/dashboards/postrider.json')) as Dashboard;
  const ofPanels = panels.flatMap(({ title, targets = [] }) =>
    targets.map(({ expr }) => ({ where: `panel ${title}`, expr: filled(expr) })),
  );
  const ofVariables = templating.list.flatMap(({ name, definition }) => {
    const metric = /^label_values\((\w+), \w+\)$/.exec(definition ?? '')?.[1];
    return metric ? [{ where: `variable ${name}`, expr: metric }] : [];
  });
  return [...ofPanels, ...ofVariables];
}

/** What a query selects. Throws where it is not PromQL. */
export function selectorsOf({ where, expr }: Query): Selector[] {
  const found: { metric: string; labels: string[] }[] = [];
  parser.parse(expr).iterate({
    enter: (node) => {
      const text = expr.slice(node.from, node.to);
      if (node.type.isError) throw new Error(`${where}: ${expr} is not PromQL at ${node.from}`);
      if (node.name === 'VectorSelector') found.push({ metric: /^[\w:]+/.exec(text)?.[0] ?? '', labels: [] });
      if (node.name === 'LabelName' && node.matchContext(['UnquotedLabelMatcher'])) found.at(-1)?.labels.push(text);
    },
  });
  return found;
}

/** The metrics of a scrape: by the names of their series, the labels they have. */
export function seriesOf(text: string): Map<string, Set<string>> {
  const series = new Map<string, Set<string>>();
  for (const line of text.split('\n')) {
    const [, name, labels = ''] = /^([a-zA-Z_:][\w:]*)(?:\{(.*)\})? /.exec(line) ?? [];
    if (!name) continue;
    const known = series.get(name) ?? new Set();
    for (const [, label] of labels.matchAll(/(\w+)="/g)) known.add(label as string);
    series.set(name, known);
  }
  return series;
}
