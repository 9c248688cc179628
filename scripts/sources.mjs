// What a WASM module of build/ was made of, so that tests can tell a module that is older than its sources.
import { createHash } from 'node:crypto';
import { existsSync } from 'node:fs';
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { build } from 'esbuild';

const table = 'src/backend/kernels/divergenceKinds.ts';

/** SKEW_KL and so on with their numbers, from the tables of divergences, which TypeScript reads. */
async function divergenceNumbers() {
  const { outputFiles } = await build({ entryPoints: [table], format: 'esm', write: false });
  const { divergenceKinds, alphaBetaPairs } = await import(
    `data:text/javascript,${encodeURIComponent(outputFiles[0].text)}`
  );
  const upper = (name) => name.replace(/([a-z])([A-Z])/g, '$1_$2').toUpperCase();
  return Object.entries({ ...divergenceKinds, ...alphaBetaPairs }).map(([name, kind]) => [upper(name), kind]);
}

/**
 * The same as files for the kernels of both backends, by name: build/divergenceKinds.ts and build/divergenceKinds.wgsl.
 */
export async function divergenceFiles() {
  const numbers = await divergenceNumbers();
  const text = (line) => `// Written by scripts/build-wasm.mjs from ${table}.\n${numbers.map(line).join('')}`;
  return {
    'divergenceKinds.ts': text(([name, kind]) => `export const ${name}: u32 = ${kind};\n`),
    'divergenceKinds.wgsl': text(([name, kind]) => `const ${name}: u32 = ${kind}u;\n`),
  };
}

/** Comments and the breaking of lines make no other module. */
const withoutComments = (text) => text.replace(/\/\*[\s\S]*?\*\/|\/\/.*/g, '').replace(/\s+/g, ' ');

/** The digest of which build/NAME.wasm was built, if it is there. */
export async function builtOf(name) {
  if (!existsSync(`build/${name}.wasm`)) return undefined;
  return readFile(`build/${name}.sources`, 'utf8').catch(() => undefined);
}

/** A digest of the sources of module `name`, as build/NAME.sources keeps that of the last build. */
export async function digestOf(name) {
  const isCompute = name.startsWith('compute');
  const folder = `assembly/${isCompute ? 'compute' : name}`;
  const files = (await readdir(folder, { recursive: true })).filter((file) => file.endsWith('.ts')).sort();
  const hash = createHash('sha256');
  for (const path of [...files.map((file) => join(folder, file)), 'asconfig.json']) {
    hash.update(path).update(withoutComments(await readFile(path, 'utf8')));
  }
  if (isCompute) hash.update((await divergenceFiles())['divergenceKinds.ts']);
  return hash.digest('hex');
}
