// Compiles assembly/ to build/*.wasm and bundles the pool's worker script to build/poolWorker.js: what src/ embeds.
// Before, it writes the numbers of the divergences for AssemblyScript and WGSL, from the table that TypeScript reads.
//   node scripts/build-wasm.mjs [compute-fused] [compute-plain] [text] [numbers]     when none is named, those that are
//                                                                                    not of the sources as they are
import { execFile } from 'node:child_process';
import { mkdir, readdir, readFile, writeFile } from 'node:fs/promises';
import { promisify } from 'node:util';
import { build } from 'esbuild';
import { builtOf, digestOf, divergenceFiles } from './sources.mjs';

const run = promisify(execFile);

/**
 * Every file of a chapter of kernels is an entry: what it exports, the module exports. Those of shared/ are imported.
 */
const chapters = ['products', 'attention', 'rows', 'elements', 'optimizer'].map((name) => `assembly/compute/${name}`);
const compute = ['assembly/compute/index.ts', ...(await Promise.all(chapters.map(filesOf))).flat()];
const targets = [
  ['compute-fused', compute],
  ['compute-plain', compute],
  ['text', ['assembly/text/index.ts']],
  ['numbers', ['assembly/numbers/index.ts']],
];
const wanted = process.argv.slice(2);
/** Modules of another compiler are built anew. */
const { version } = JSON.parse(await readFile('node_modules/assemblyscript/package.json', 'utf8'));
const builtBy = await readFile('build/compiler.version', 'utf8').catch(() => undefined);

await mkdir('build', { recursive: true });
for (const [name, text] of Object.entries(await divergenceFiles())) await writeFile(`build/${name}`, text);
// Each takes some seconds of one core: they run side by side.
await Promise.all(targets.filter(([target]) => wanted.length === 0 || wanted.includes(target)).map(compile));
if (wanted.length === 0) await writeFile('build/compiler.version', version);
if (wanted.length === 0 || wanted.some((target) => target.startsWith('compute')))
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
  const digest = await digestOf(target);
  if (wanted.length === 0 && builtBy === version && (await builtOf(target)) === digest) return;
  try {
    await run(process.execPath, [asc, ...entries, '--config', 'asconfig.json', '--target', target]);
  } catch ({ stderr, message }) {
    console.error(stderr || message);
    process.exit(1);
  }
  await writeFile(`build/${target}.sources`, digest);
}
