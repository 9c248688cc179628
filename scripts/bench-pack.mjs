// `npm run bench:pack`: makes build/distillm-bench-linux-x64.tar.gz, the benchmarks for another Linux x64 machine with a
// GPU: Node, Dawn, a Vulkan loader and a software adapter as fallbacks, the bundled benchmarks, run.sh. Needs dist/.
import { chmod, copyFile, cp, mkdir, readFile, rm, stat } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';
import { create } from 'tar';
import { softwareGPU } from './software-gpu.mjs';

const MAX_BYTES = 60e6;
const root = fileURLToPath(new URL('..', import.meta.url));
const folder = join(root, 'build/distillm-bench');
const archive = join(root, 'build/distillm-bench-linux-x64.tar.gz');
const packageFolder = (name) => dirname(createRequire(import.meta.url).resolve(`${name}/package.json`));

const gpu = await softwareGPU();
if ('missing' in gpu) throw new Error(`bench:pack: ${gpu.missing}`);

await rm(folder, { recursive: true, force: true });
await mkdir(join(folder, 'lib'), { recursive: true });
await build({
  entryPoints: { main: join(root, 'bench/pack/main.ts'), 'runner/node': join(root, 'bench/runner/node.ts') },
  outdir: folder,
  outExtension: { '.js': '.mjs' },
  bundle: true,
  splitting: true,
  format: 'esm',
  platform: 'node',
  target: 'node24',
  external: ['webgpu'],
  // Without our tsconfig, whose paths point at the sources: what is measured is the built package.
  tsconfigRaw: {},
  logLevel: 'error',
});
for (const name of ['run.sh', 'README.txt']) await copyFile(join(root, 'bench/pack', name), join(folder, name));
await copyFile(join(packageFolder('node'), 'bin/node'), join(folder, 'node'));
await chmod(join(folder, 'run.sh'), 0o755);
await chmod(join(folder, 'node'), 0o755);
const webgpu = packageFolder('webgpu');
for (const path of ['index.js', 'package.json', 'LICENSE.md', 'dist/linux-x64'])
  await cp(join(webgpu, path), join(folder, 'node_modules/webgpu', path), { recursive: true });
const vulkan = dirname(gpu.chromiumPath);
for (const name of ['libvulkan.so.1', 'libvk_swiftshader.so', 'vk_swiftshader_icd.json'])
  await copyFile(join(vulkan, name), join(folder, 'lib', name));

await create({ file: archive, cwd: join(root, 'build'), gzip: { level: 9 }, portable: true }, ['distillm-bench']);
await rm(folder, { recursive: true });
const { size } = await stat(archive);
const { version } = JSON.parse(await readFile(join(packageFolder('node'), 'package.json'), 'utf8'));
console.log(`${archive}: ${(size / 1e6).toFixed(1)} MB, Node ${version}. On the other machine:`);
console.log(
  '  tar xzf distillm-bench-linux-x64.tar.gz && distillm-bench/run.sh    (distillm-bench/README.txt has its options)',
);
if (size > MAX_BYTES) {
  console.error(`It is larger than ${MAX_BYTES / 1e6} MB.`);
  process.exitCode = 1;
}
