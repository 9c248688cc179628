// Compiles assembly/ to build/*.wasm and bundles the pool's worker script to build/poolWorker.js: what src/ embeds.
import { execFile } from 'node:child_process';
import { mkdir } from 'node:fs/promises';
import { promisify } from 'node:util';
import { build } from 'esbuild';

const run = promisify(execFile);

const targets = [
  ['compute', 'assembly/compute/index.ts'],
  ['compute-single', 'assembly/compute/index.ts'],
  ['compute-relaxed', 'assembly/compute/index.ts'],
  ['text', 'assembly/text/index.ts'],
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

async function compile([target, entry]) {
  const asc = 'node_modules/assemblyscript/bin/asc.js';
  try {
    await run(process.execPath, [asc, entry, '--config', 'asconfig.json', '--target', target]);
  } catch ({ stderr, message }) {
    console.error(stderr || message);
    process.exit(1);
  }
}
