/**
 * What run.sh of the packed archive starts: every suite that has a WebGPU variant, those variants beside the first of
 * WASM. Tables go to the terminal and results.md, JSON to results/. `--size tiny` runs small shapes, `--filter` some
 * suites; `--allow-software` takes a software adapter.
 */
import { mkdirSync, writeFileSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { fileURLToPath } from 'node:url';
import { openDevice } from 'distillm';
import { argument, flag } from '../commandLine.ts';
import { runSuite } from '../runSuite.ts';
import type { Variant } from '../suite.ts';
import { suites } from '../suites.ts';
import { table } from '../table.ts';

const folder = fileURLToPath(new URL('.', import.meta.url));
const software = flag('allow-software');
const extra = ['--size', argument('size', 'full'), ...(software ? ['--allow-software'] : [])];
const onGPU = ({ script, args = [] }: Variant) => script === 'node.ts' && args.includes('webgpu');

const device = await openDevice('webgpu', { webgpu: { allowSoftware: software } }).catch((error: Error) => {
  console.error(`${error.message}\nRun ./run.sh --software to see the suites work on the software adapter in here.`);
  process.exit(1);
});
const gpu = device.info.description;
await device.dispose();
console.error(`GPU: ${gpu}; ${availableParallelism()} logical processors`);

mkdirSync(`${folder}results`, { recursive: true });
const tables: string[] = [];
let failed = false;
for (const suite of suites) {
  if (!suite.name.startsWith(argument('filter', '')) || !suite.variants.some(onGPU)) continue;
  const ours = suite.variants.filter(({ script }) => script === 'node.ts');
  const wasm = ours.find((variant) => !onGPU(variant));
  const chosen = [...ours.filter(onGPU), ...(wasm ? [wasm] : [])];
  const variants = chosen.map((variant) => ({ ...variant, args: [...(variant.args ?? []), ...extra] }));
  const ran = runSuite({ ...suite, variants }, (script) => `${folder}${script.replace('.ts', '.mjs')}`);
  const result = { ...ran, machine: `${gpu}, ${ran.machine}` };
  failed ||= result.skipped.length > 0;
  writeFileSync(`${folder}results/${suite.name}.json`, `${JSON.stringify(result, null, 1)}\n`);
  tables.push(table(result));
  console.log(`\n${tables.at(-1)}`);
}
writeFileSync(`${folder}results.md`, `${tables.join('\n\n')}\n`);
console.error(`\nWritten: ${folder}results.md and ${folder}results/*.json`);
if (failed) process.exitCode = 1;
