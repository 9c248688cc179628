import { spawnSync } from 'node:child_process';
import { cpus } from 'node:os';
import type { Measurement } from './measure.ts';
import type { Suite, Variant } from './suite.ts';
import type { Result } from './table.ts';

/** Runs the suite's variants one after the other, each in a process of its own. `pathOf` finds a variant's script. */
export function runSuite(suite: Suite, pathOf: (script: string) => string): Result {
  console.error(`\n${suite.name}: ${suite.about}`);
  const variants: { name: string; measurements: readonly Measurement[] }[] = [];
  const skipped: string[] = [];
  let runtime = `Node ${process.versions.node}`;
  for (const variant of suite.variants) {
    console.error(`  ${variant.name} ...`);
    const outcome = runVariant(variant, pathOf);
    if (typeof outcome === 'string') skipped.push(`${variant.name}: ${outcome}`);
    else {
      variants.push({ name: variant.name, measurements: outcome.measurements });
      runtime = outcome.runtime ?? runtime;
    }
  }
  const [cpu] = cpus();
  return {
    suite: suite.name,
    about: suite.about,
    date: new Date().toISOString().slice(0, 10),
    machine: `${cpus().length} x ${cpu?.model.trim() || 'unknown processor'}, ${runtime}`,
    variants,
    skipped,
  };
}

interface Outcome {
  readonly measurements: readonly Measurement[];
  /** Where that was not this Node. */
  readonly runtime: string | undefined;
}

/** What it printed, or why it did not run. */
function runVariant({ script, flags = [], args = [] }: Variant, pathOf: (script: string) => string): Outcome | string {
  const python = script.endsWith('.py');
  const command = python ? (process.env.BENCH_PYTHON ?? 'python3') : process.execPath;
  const parts = python ? [pathOf(script), ...args] : ['--no-warnings', ...flags, pathOf(script), ...args];
  const { status, stdout, stderr, error } = spawnSync(command, parts, { encoding: 'utf8', maxBuffer: 2 ** 26 });
  if (status !== 0) {
    const lines = (stderr ?? String(error)).trim().split('\n');
    // Of an uncaught error Node's version is the last line.
    return `exit ${status}: ${lines.findLast((line) => /^\w*Error\b/.test(line)) ?? lines.at(-1) ?? ''}`;
  }
  const lines = stdout
    .split('\n')
    .filter((line) => line.startsWith('{'))
    .map((line) => JSON.parse(line) as Measurement | { readonly runtime: string });
  return {
    measurements: lines.filter((line) => 'case' in line),
    runtime: lines.find((line) => 'runtime' in line)?.runtime,
  };
}
