/**
 * `npm run bench [-- --filter gemm]`: runs the suites, prints a table each, keeps results/NAME.json and renders
 * README.md from all results that are there. An interruption leaves the result of the suite in progress as it was.
 */
import { fileURLToPath } from 'node:url';
import { suites } from '../suites.ts';
import { chooseSuites } from './chooseSuites.ts';
import { interruption } from './interruption.ts';
import { keepResult, tablesOf, writeWhole } from './resultsFolder.ts';
import { runSuite } from './runSuite.ts';
import { table } from './table.ts';

const folder = fileURLToPath(new URL('..', import.meta.url));
const asked = chooseSuites(suites);
if ('refused' in asked) {
  console.error(`bench: ${asked.refused}`);
  process.exit(2);
}
const { signal, exitCode } = interruption();
try {
  for (const suite of asked.chosen) {
    const result = await runSuite(suite, { pathOf: (script) => folder + script, signal });
    await keepResult(`${folder}results`, result);
    await writeWhole(`${folder}README.md`, await readme());
    console.log(`\n${table(result)}`);
  }
} catch (error) {
  if (!signal.aborted) throw error;
  process.exitCode = exitCode();
}

async function readme(): Promise<string> {
  const intro = [
    '# Benchmarks',
    '',
    'Written by `npm run bench` (`npm run bench -- --filter gemm` runs the suites whose names begin so). Every variant is a',
    'process of its own on the same machine in the same run. PyTorch rows appear where `python3` (or `BENCH_PYTHON`) has torch.',
    '256-bit: V8 packs pairs of 128-bit vectors (`--experimental-wasm-revectorize`, in Chromium behind `--js-flags=`). A variant',
    'that takes more than ten minutes is stopped and listed as not run; Ctrl-C leaves the suite in progress as it was.',
    '',
    '`npm run bench:browser` runs the suites `browser-...`, in headless Chromium; `npm run bench:page` serves their page for a',
    'browser of your own; `npm run bench:pack` makes an archive that runs those with a WebGPU row on another Linux x64 machine.',
  ];
  return `${intro.join('\n')}\n\n${await tablesOf(`${folder}results`)}\n`;
}
