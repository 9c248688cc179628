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
    'Written by `npm run bench` (`npm run bench -- --filter gemm` runs one suite). Every variant is a process of its',
    'own on the same machine in the same run. PyTorch rows appear where `python3` (or `BENCH_PYTHON`) has torch.',
    '`npm run bench:page` serves a page that runs the benchmarks in a browser of your own; `npm run bench:pack` makes an',
    'archive that runs those with a WebGPU row on another Linux x64 machine.',
  ];
  return `${intro.join('\n')}\n\n${results.map(table).join('\n\n')}\n`;
}
