/**
 * `npm run bench [-- --filter gemm]`: runs the suites, prints a table each, keeps results/NAME.json and renders
 * README.md from all results that are there.
 */
import { spawnSync } from 'node:child_process';
import { readdir, readFile, writeFile } from 'node:fs/promises';
import { cpus } from 'node:os';
import { fileURLToPath } from 'node:url';
import { argument } from './commandLine.ts';
import type { Measurement } from './measure.ts';
import { type Suite, suites, type Variant } from './suites.ts';
import { type Result, table } from './table.ts';

const folder = fileURLToPath(new URL('.', import.meta.url));
const filter = argument('filter', '');

for (const suite of suites.filter(({ name }) => name.includes(filter))) {
  const result = runSuite(suite);
  await writeFile(`${folder}results/${suite.name}.json`, `${JSON.stringify(result, null, 1)}\n`);
  console.log(`\n${table(result)}`);
}
await writeFile(`${folder}README.md`, await readme());

function runSuite(suite: Suite): Result {
  console.error(`\n${suite.name}: ${suite.about}`);
  const variants: { name: string; measurements: Measurement[] }[] = [];
  const skipped: string[] = [];
  for (const variant of suite.variants) {
    console.error(`  ${variant.name} ...`);
    const outcome = runVariant(variant);
    if (typeof outcome === 'string') skipped.push(`${variant.name}: ${outcome}`);
    else variants.push({ name: variant.name, measurements: outcome });
  }
  const [cpu] = cpus();
  const machine = `${cpus().length} x ${cpu?.model ?? 'unknown processor'}, Node ${process.versions.node}`;
  return {
    suite: suite.name,
    about: suite.about,
    date: new Date().toISOString().slice(0, 10),
    machine,
    variants,
    skipped,
  };
}

function runVariant({ script, flags = [], args = [] }: Variant): Measurement[] | string {
  const python = script.endsWith('.py');
  const command = python ? (process.env.BENCH_PYTHON ?? 'python3') : process.execPath;
  const parts = python ? [folder + script, ...args] : ['--no-warnings', ...flags, folder + script, ...args];
  const { status, stdout, stderr } = spawnSync(command, parts, { encoding: 'utf8', maxBuffer: 2 ** 26 });
  if (status !== 0) return `exit ${status}: ${(stderr ?? '').trim().split('\n').at(-1) ?? ''}`;
  return stdout
    .split('\n')
    .filter((line) => line.startsWith('{'))
    .map((line) => JSON.parse(line) as Measurement);
}

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
    '`npm run bench:page` serves a page that runs the benchmarks in a browser of your own.',
  ];
  return `${intro.join('\n')}\n\n${results.map(table).join('\n\n')}\n`;
}
