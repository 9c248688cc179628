// `npm run build`: the WASM kernels, dist/ and its declarations. A step whose sources are as they were is left out, so
// that commands may build first. npm runs it as `prepare`: after `npm ci` in a clone, before a package is packed, and
// when the package is installed from its repository.
import { spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync } from 'node:fs';
import { mkdir, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

process.chdir(fileURLToPath(new URL('..', import.meta.url)));
// What a step reads, folders with all that is in them, and what it makes. `after`: another step whose products it reads.
// `cleans`: a folder in which the step would leave what it does not make any more.
const wasm = {
  name: 'wasm',
  what: 'WASM kernels',
  command: ['scripts/build-wasm.mjs'],
  reads: [
    ...['assembly', 'src/backend/kernels/divergenceKinds.ts', 'src/hardware/wasm'],
    ...['scripts/build-wasm.mjs', 'scripts/sources.mjs', 'asconfig.json', 'package-lock.json'],
  ],
  makes: ['text.wasm', 'numbers.wasm', 'compute-fused.wasm', 'compute-plain.wasm', 'poolWorker.js'].map(
    (name) => `build/${name}`,
  ),
};
const dist = {
  name: 'dist',
  what: 'dist/',
  command: ['node_modules/tsup/dist/cli-default.js', '--silent'],
  reads: [
    'src',
    'kernels',
    'scripts/embedded.ts',
    'scripts/shaders.ts',
    'tsup.config.ts',
    'tsconfig.json',
    'package.json',
    'package-lock.json',
  ],
  after: wasm,
  makes: [
    ...[
      ...['index', 'embedded', 'report', 'tensor', 'testing', 'worker', 'cli'],
      ...['node', 'browser', 'nodeThread', 'webThread', 'nodeWorker', 'browserWorker', 'poolWorker'].map(
        (name) => `platform/${name}`,
      ),
    ].map((name) => `dist/${name}.js`),
    ...['dist/compute-fused.wasm', 'dist/compute-plain.wasm'],
  ],
};
const types = {
  name: 'types',
  what: 'declarations',
  command: ['node_modules/typescript/bin/tsc', '-p', 'tsconfig.types.json'],
  reads: ['src', 'tsconfig.json', 'tsconfig.types.json', 'package.json', 'package-lock.json'],
  cleans: 'dist/types',
  makes: ['dist/types/index.d.ts', 'dist/types/entries/report.d.ts'],
};

if (!existsSync('node_modules/tsup')) {
  // `npm ci --omit=dev` in a clone must not fail: what it has may be built already.
  console.error('Not built: the development packages are not installed. Run npm ci, then npm run build.');
  process.exit(process.env.npm_lifecycle_event === 'prepare' ? 0 : 1);
}
await mkdir('build', { recursive: true });
const done = [await made(wasm), ...(await Promise.all([made(dist), made(types)]))];
if (!done.includes(true)) console.error('The build is up to date.');

/** Runs a step unless its products are those of its sources. @returns whether it ran */
async function made(step) {
  const { name, what, command, cleans } = step;
  const stamp = `build/${name}.step`;
  const digest = await digestOf(step);
  const isThere = step.makes.every((path) => existsSync(path));
  if (isThere && (await readFile(stamp, 'utf8').catch(() => '')) === digest) return false;
  console.error(`Building ${what} ...`);
  const started = performance.now();
  await rm(stamp, { force: true });
  if (cleans) await rm(cleans, { recursive: true, force: true });
  const status = await new Promise((resolve) =>
    spawn(process.execPath, command, { stdio: 'inherit' }).once('exit', resolve),
  );
  if (status !== 0) process.exit(status ?? 1);
  await writeFile(stamp, digest);
  console.error(`Built ${what} in ${((performance.now() - started) / 1000).toFixed(1)} s.`);
  return true;
}

/** Of the names and contents of all that a step reads. */
async function digestOf({ command, reads, after }) {
  const hash = createHash('sha256').update(command.join(' '));
  for (const path of (await Promise.all(reads.map(filesOf))).flat().sort())
    hash.update(`\0${path}\0`).update(await readFile(path));
  if (after) hash.update(await digestOf(after));
  return hash.digest('hex');
}

async function filesOf(path) {
  if (!(await stat(path)).isDirectory()) return [path];
  const entries = await readdir(path, { recursive: true, withFileTypes: true });
  return entries.filter((entry) => entry.isFile()).map((entry) => join(entry.parentPath ?? entry.path, entry.name));
}
