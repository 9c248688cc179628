// `npm run build`: the WASM kernels, dist/ and its declarations. Nothing is done where dist/ is of these sources already,
// so that commands may build first. npm runs it as `prepare`: after `npm ci` in a clone, before a package is packed, and
// when the package is installed from its repository.
import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync } from 'node:fs';
import { readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

process.chdir(fileURLToPath(new URL('..', import.meta.url)));
const stamp = 'build/dist.sources';
const steps = [
  ['WASM kernels', ['scripts/build-wasm.mjs']],
  ['dist/', ['node_modules/tsup/dist/cli-default.js', '--silent']],
  ['declarations', ['node_modules/typescript/bin/tsc', '-p', 'tsconfig.types.json']],
];

if (!existsSync('node_modules/tsup')) {
  // `npm ci --omit=dev` in a clone must not fail: what it has may be built already.
  console.error('Not built: the development packages are not installed. Run npm ci, then npm run build.');
  process.exit(process.env.npm_lifecycle_event === 'prepare' ? 0 : 1);
}
const configs = [
  'asconfig.json',
  'package.json',
  'package-lock.json',
  'tsconfig.json',
  'tsconfig.types.json',
  'tsup.config.ts',
];
const digest = await digestOf(['assembly', 'kernels', 'src', 'scripts'], configs);
if (await upToDate()) {
  console.error('dist/ is up to date.');
} else {
  await rm(stamp, { force: true });
  for (const [what, command] of steps) {
    const started = performance.now();
    const { status } = spawnSync(process.execPath, command, { stdio: 'inherit' });
    if (status !== 0) process.exit(status ?? 1);
    console.error(`Built: ${what} (${((performance.now() - started) / 1000).toFixed(1)} s)`);
  }
  await writeFile(stamp, digest);
}

/** Of the names and contents of all files in the folders, and of the single files. */
async function digestOf(folders, files) {
  const inside = await Promise.all(
    folders.map(async (folder) =>
      (await readdir(folder, { recursive: true, withFileTypes: true }))
        .filter((entry) => entry.isFile())
        .map((entry) => join(entry.parentPath ?? entry.path, entry.name)),
    ),
  );
  const hash = createHash('sha256');
  for (const path of [...inside.flat(), ...files].sort()) hash.update(`\0${path}\0`).update(await readFile(path));
  return hash.digest('hex');
}

async function upToDate() {
  const files = ['build/text.wasm', 'build/poolWorker.js', 'dist/index.js', 'dist/cli.js', 'dist/types/index.d.ts'];
  const built = files.every((path) => existsSync(path));
  return built && (await readFile(stamp, 'utf8').catch(() => '')) === digest;
}
