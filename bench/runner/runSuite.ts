import { cpus } from 'node:os';
import type { Measurement } from '../frame/measure.ts';
import { describeProcessor } from '../frame/processor.ts';
import type { Suite } from '../frame/suite.ts';
import { showProgress } from './progress.ts';
import { type RunOptions, runVariant } from './runVariant.ts';
import type { Result } from './table.ts';

/**
 * Runs the suite's variants one after the other, each in a process of its own, and shows on stderr how it goes.
 * @throws the signal's reason
 */
export async function runSuite(suite: Suite, options: RunOptions): Promise<Result> {
  console.error(`\n${suite.name}: ${suite.about}`);
  const variants: { name: string; measurements: readonly Measurement[] }[] = [];
  const skipped: string[] = [];
  let runtime = `Node ${process.versions.node}`;
  for (const [index, variant] of suite.variants.entries()) {
    const progress = showProgress(`${index + 1} of ${suite.variants.length}: ${variant.name}`);
    const onMeasured = (measurements: readonly Measurement[]) => progress.measured(measurements.length);
    const outcome = await runVariant(variant, { ...options, onMeasured }).catch((error) => {
      progress.end('interrupted');
      throw error;
    });
    if (outcome.failure !== undefined) {
      const left = outcome.stopped ? ', what it measured is left out' : '';
      skipped.push(`${variant.name}: ${outcome.failure}${left}`);
      progress.end(`not run: ${outcome.failure}${left}`);
    } else {
      variants.push({ name: variant.name, measurements: outcome.measurements });
      runtime = outcome.runtime ?? runtime;
      progress.end();
    }
  }
  return {
    suite: suite.name,
    about: suite.about,
    date: new Date().toISOString().slice(0, 10),
    processor: describeProcessor(),
    machine: `${cpus().length} processors, ${runtime}`,
    variants,
    skipped,
  };
}
