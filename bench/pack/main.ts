/**
 * What run.sh of the packed archive starts: every suite that has a WebGPU variant, those variants beside the first of
 * WASM. README.txt of the archive says what its options do.
 */
import { availableParallelism } from 'node:os';
import { fileURLToPath } from 'node:url';
import { openDevice } from 'distillm';
import { tuneDevice } from 'distillm/tensor';
import type { Suite, Variant } from '../frame/suite.ts';
import { chooseSuites } from '../runner/chooseSuites.ts';
import { interruption } from '../runner/interruption.ts';
import { keepResult, tablesOf, writeWhole } from '../runner/resultsFolder.ts';
import { runSuite } from '../runner/runSuite.ts';
import { table } from '../runner/table.ts';
import { suites } from '../suites.ts';
import { missingForGPU } from './missingForGPU.ts';

const folder = fileURLToPath(new URL('.', import.meta.url));
const results = `${folder}results`;
const onGPU = ({ script, args = [] }: Variant) => script === 'runner/node.ts' && args.includes('webgpu');

const asked = chooseSuites(
  suites.filter(({ variants }) => variants.some(onGPU)),
  { options: { size: { type: 'string' }, 'allow-software': { type: 'boolean' }, tune: { type: 'boolean' } } },
);
if ('refused' in asked) {
  console.error(`${asked.refused}. README.txt has the options.`);
  process.exit(2);
}
const { size = 'full', 'allow-software': allowSoftware = false, tune = false } = asked.values;
if (!['full', 'small', 'tiny'].includes(`${size}`)) {
  console.error(`--size is '${size}', expected full, small or tiny.`);
  process.exit(2);
}
// Nothing is left outside of this folder, and what was tuned once does not change the runs without --tune.
process.env.XDG_CACHE_HOME = `${folder}${tune ? 'tuned' : 'untuned'}`;

const device = await openDevice({ kind: 'webgpu', webgpu: { allowSoftware: allowSoftware === true } }).catch(
  (error: Error) => {
    console.error(['', error.message.replace(/ (Install|The|Use) .*/, ''), ...missingForGPU('/')].join('\n'));
    process.exit(1);
  },
);
const gpu = device.info.description;
console.error(`GPU: ${gpu}; ${availableParallelism()} logical processors`);
if (tune) {
  console.error('Tuning matrix products ...');
  await tuneDevice(device);
}
await device.dispose();

const extra = ['--size', `${size}`, ...(allowSoftware ? ['--allow-software'] : [])];
/** The suite as it runs here. */
function packed({ variants, about, ...suite }: Suite): Suite {
  const ours = variants.filter(({ script }) => script === 'runner/node.ts');
  const wasm = ours.find((variant) => !onGPU(variant));
  const chosen = [...ours.filter(onGPU), ...(wasm ? [wasm] : [])];
  return {
    ...suite,
    about: size === 'full' ? about : `${about}. With ${size} shapes in place of those`,
    variants: chosen.map((variant) => ({ ...variant, args: [...(variant.args ?? []), ...extra] })),
  };
}

const { signal, exitCode } = interruption();
let failed = false;
try {
  for (const suite of asked.chosen) {
    const pathOf = (script: string) => `${folder}${script.replace('.ts', '.mjs')}`;
    const ran = await runSuite(packed(suite), { pathOf, signal });
    const result = { ...ran, machine: `${gpu}${tune ? ' (tuned)' : ''}, ${ran.machine}` };
    failed ||= result.skipped.length > 0;
    await keepResult(results, result);
    await writeWhole(`${results}/results.md`, `${await tablesOf(results)}\n`);
    console.log(`\n${table(result)}`);
  }
  process.exitCode = failed ? 1 : 0;
} catch (error) {
  if (!signal.aborted) throw error;
  process.exitCode = exitCode();
}
console.error(
  [
    '',
    ...(failed ? ['Some variants did not run: the lines "Not run" say why.'] : []),
    `Results: ${results}/*.json, all tables in results.md. To bring them back, pack them here:`,
    `  tar czf distillm-results.tar.gz -C ${folder.slice(0, -1)} results`,
    'and fetch that file from your machine, for example with scp.',
  ].join('\n'),
);
