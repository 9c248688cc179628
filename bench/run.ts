/**
 * `npm run bench [-- --filter gemm]`: runs the suites, prints a table each, keeps results/NAME.json and renders
 * README.md from all results that are there.
 */
import { readdir, readFile, writeFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { argument } from './commandLine.ts';
import { runSuite } from './runSuite.ts';
import { suites } from './suites.ts';
import { type Result, table } from './table.ts';

const folder = fileURLToPath(new URL('.', import.meta.url));
const filter = argument('filter', '');

for (const suite of suites.filter(({ name }) => name.startsWith(filter))) {
  const result = runSuite(suite, (script) => folder + script);
  await writeFile(`${folder}results/${suite.name}.json`, `${JSON.stringify(result, null, 1)}\n`);
  console.log(`\n${table(result)}`);
}
await writeFile(`${folder}README.md`, await readme());

async function readme(): Promise<string> {
  const files = (await readdir(`${folder}results`)).filter((name) => name.endsWith('.json'));
  const order = suites.map(({ name }) => `${name}.json`);
  files.sort((a, b) => order.indexOf(a) - order.indexOf(b));
  const results = await Promise.all(
    files.map(async (file) => JSON.parse(await readFile(`${folder}results/${file}`, 'utf8')) as Result),
  );
  const intro = [
    '# Benchmarks',
    '',
    'Written by `npm run bench` (`npm run bench -- --filter gemm` runs the suites whose names begin so). Every variant is a',
    'process of its own on the same machine in the same run. PyTorch rows appear where `python3` (or `BENCH_PYTHON`) has torch.',
    '256-bit: V8 packs pairs of 128-bit vectors (`--experimental-wasm-revectorize`, in Chromium behind `--js-flags=`).',
    '',
    '`npm run bench:browser` runs the suites `browser-...`, in headless Chromium; `npm run bench:page` serves their page for a',
    'browser of your own; `npm run bench:pack` makes an archive that runs those with a WebGPU row on another Linux x64 machine.',
  ];
  return `${intro.join('\n')}\n\n${results.map(table).join('\n\n')}\n`;
}
