import type { Measurement } from '../frame/measure.ts';
import type { Processor } from '../frame/processor.ts';

/** One suite on one machine: bench/results/KIND/SUITE.json, and what the page shows. */
export interface Result {
  readonly suite: string;
  readonly about: string;
  readonly date: string;
  /** Results of different kinds are never in one table. */
  readonly processor: Processor;
  /** The GPU, where one did the work: then results of different ones are never in one table. */
  readonly adapter?: string;
  /** How many of them, and what else the variants ran on: "2 processors, Node 24.21.0". */
  readonly machine: string;
  /** The suite did not come to its end: the variants hold what was measured until then. */
  readonly interrupted?: true;
  /** What was found out beside times. */
  readonly facts?: Readonly<Record<string, unknown>>;
  readonly variants: readonly { readonly name: string; readonly measurements: readonly Measurement[] }[];
  /** Variants that did not run, and why. */
  readonly skipped: readonly string[];
}

/** What a suite is, and a table for each kind of processor that it was measured on. */
export function chapter(results: readonly Result[]): string {
  const [{ suite, about }] = results as [Result];
  const tables = results.map((result) => table(result, result.about === about ? [] : [result.about, '']));
  return [`## ${suite}`, about, ...tables].join('\n\n');
}

/** The processor, and a Markdown table with a row for each case and each variant that measured it. */
function table(result: Result, about: readonly string[]): string {
  const { processor, adapter, date, machine, interrupted, facts = {}, variants, skipped } = result;
  const lines = [
    `### ${adapter ? `${adapter}; ` : ''}${processor.name}, ${processor.vectors}`,
    '',
    ...about,
    `${date}, ${machine}.${variants.length > 0 ? ' Medians; spread in brackets; last column: ratio to the first row of the case.' : ''}`,
    '',
  ];
  for (const [name, value] of Object.entries(facts))
    lines.push(`- ${name}: ${typeof value === 'string' ? value : JSON.stringify(value)}`);
  if (Object.keys(facts).length > 0) lines.push('');
  if (variants.length > 0) lines.push('| case | what | median | spread | ratio |', '|---|---|---:|---:|---:|');
  const cases = new Set(variants.flatMap(({ measurements }) => measurements.map((measurement) => measurement.case)));
  for (const name of cases) {
    const rows = variants.flatMap((variant) =>
      variant.measurements.filter((measurement) => measurement.case === name).map((found) => ({ variant, found })),
    );
    const base = rows[0]?.found.median;
    for (const { variant, found } of rows) {
      const ratio = base ? (found.median / base).toFixed(2) : '';
      const note = found.note ? ` (${found.note})` : '';
      lines.push(
        `| ${name} | ${variant.name}${note} | ${round(found.median)} ${found.unit} | ${round(found.min)}-${round(found.max)} | ${ratio} |`,
      );
    }
  }
  if (interrupted) lines.push('', 'Interrupted: this is what was measured until then.');
  if (skipped.length > 0) lines.push('', ...skipped.map((line) => `Not run: ${line}`));
  return lines.join('\n');
}

export function round(value: number): string {
  return value >= 100 ? value.toFixed(0) : value.toPrecision(3);
}
