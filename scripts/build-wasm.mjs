// Compiles assembly/ to build/*.wasm and bundles the pool's worker script to build/poolWorker.js: what src/ embeds.
import { execFile } from 'node:child_process';
import { mkdir, readdir } from 'node:fs/promises';
import { promisify } from 'node:util';
import { build } from 'esbuild';

const run = promisify(execFile);

/** Every file of a chapter of kernels is an entry: what it exports, the module exports. Those of shared/ are imported. */
const chapters = ['products', 'attention', 'rows', 'elements', 'optimizer'].map((name) => `assembly/compute/${name}`);
const kernels = (await Promise.all(chapters.map(filesOf))).flat();
const compute = ['assembly/compute/index.ts', ...kernels];
const targets = [
  ['compute', compute],
  ['compute-single', compute],
  ['compute-relaxed', compute],
  ['text', ['assembly/text/index.ts']],
];
const wanted = process.argv.slice(2);

await mkdir('build', { recursive: true });
// Each takes some seconds of one core: they run side by side.
await Promise.all(targets.filter(([target]) => wanted.length === 0 || wanted.includes(target)).map(compile));
if (wanted.length === 0 || wanted.includes('compute'))
  await build({
    entryPoints: ['src/hardware/wasm/poolWorker.ts'],
    bundle: true,
    format: 'iife',
    minify: true,
    outfile: 'build/poolWorker.js',
  });

async function filesOf(folder) {
  return (await readdir(folder)).filter((name) => name.endsWith('.ts')).map((name) => `${folder}/${name}`);
}

async function compile([target, entries]) {
  const asc = 'node_modules/assemblyscript/bin/asc.js';
  try {
    await run(process.execPath, [asc, ...entries, '--config', 'asconfig.json', '--target', target]);
  } catch ({ stderr, message }) {
    console.error(stderr || message);
    process.exit(1);
  }
}
