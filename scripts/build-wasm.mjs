// Compiles assembly/ to build/*.wasm and bundles the pool's worker script to build/poolWorker.js: what src/ embeds.
import { mkdir } from 'node:fs/promises';
import asc from 'assemblyscript/asc';
import { build } from 'esbuild';

const targets = [
  ['compute', 'assembly/compute/index.ts'],
  ['compute-single', 'assembly/compute/index.ts'],
  ['compute-relaxed', 'assembly/compute/index.ts'],
  ['text', 'assembly/text/index.ts'],
];
const wanted = process.argv.slice(2);

await mkdir('build', { recursive: true });
for (const [target, entry] of targets) {
  if (wanted.length > 0 && !wanted.includes(target)) continue;
  const { error, stderr } = await asc.main([entry, '--config', 'asconfig.json', '--target', target]);
  if (error) {
    console.error(stderr.toString());
    process.exit(1);
  }
}
if (wanted.length === 0 || wanted.includes('compute'))
  await build({
    entryPoints: ['src/device/wasm/poolWorker.ts'],
    bundle: true,
    format: 'iife',
    minify: true,
    outfile: 'build/poolWorker.js',
  });
