/** The package as `npm pack` makes it from a clone in which nothing is built, and whether it knows where it was built. */
import { execFile } from 'node:child_process';
import { appendFile, cp, mkdir, mkdtemp, readdir, readFile, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { gzipSync } from 'node:zlib';
import { checkPackage, createPackageFromTarballData } from '@arethetypeswrong/core';
import { build } from 'esbuild';
import { publint } from 'publint';
import { extract } from 'tar';
import { build as buildWithVite } from 'vite';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { installedNode } from '../scripts/test-installed-node.mjs';

const run = promisify(execFile);
const root = fileURLToPath(new URL('..', import.meta.url));
const entries = [
  'distillm',
  ...['tensor', 'report', 'testing', 'worker', 'embedded'].map((name) => `distillm/${name}`),
];
/** The Node of this machine, beside the one that runs the tests. */
const installed = installedNode() ?? process.execPath;
// What git has, and build/ with the WASM modules, whose compiler takes a minute.
const sources = ['assembly', 'kernels', 'src', 'scripts', 'build', 'LICENSE', 'README.md', 'asconfig.json'];
const configs = [
  'CHANGELOG.md',
  'package.json',
  'package-lock.json',
  'tsconfig.json',
  'tsconfig.types.json',
  'tsup.config.ts',
];

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'distillm-'));
});
afterAll(() => rm(folder, { recursive: true }));

/** A clone at `place`, where nothing but the WASM modules is built. */
async function clone(place: string): Promise<string> {
  const path = join(folder, place);
  await mkdir(path, { recursive: true });
  const copied = (from: string) => !/\.step$|\.tar|distillm-gpu|\/build\/docs/.test(from);
  for (const name of [...sources, ...configs]) {
    await cp(join(root, name), join(path, name), { recursive: true, filter: copied });
  }
  await symlink(join(root, 'node_modules'), join(path, 'node_modules'));
  return path;
}

/** Path -> content of all files below. */
async function filesOf(path: string): Promise<Map<string, string>> {
  const names = (await readdir(path, { recursive: true, withFileTypes: true }))
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name))
    .sort();
  const texts = await Promise.all(names.map((name) => readFile(name, 'utf8')));
  return new Map(names.map((name, i) => [name.slice(path.length + 1), texts[i] as string]));
}

/** Builds and packs a clone. @returns the tarball */
async function pack(clone: string): Promise<string> {
  const { stdout } = await run('npm', ['pack', '--json', '--loglevel=error'], { cwd: clone });
  const [{ filename }] = JSON.parse(stdout.slice(stdout.indexOf('[\n')));
  return join(clone, filename);
}

describe('a clean clone', () => {
  let one: string;
  let packed: Map<string, string>;
  let tarball: string;
  beforeAll(async () => {
    one = await clone('one');
    tarball = await pack(one);
    await extract({ file: tarball, cwd: folder });
    packed = await filesOf(join(folder, 'package'));
    // An application that has it, and its dependencies beside it.
    await symlink(join(root, 'node_modules'), join(folder, 'node_modules'));
    await mkdir(join(folder, 'app/node_modules'), { recursive: true });
    await symlink(join(folder, 'package'), join(folder, 'app/node_modules/distillm'));
  }, 240_000); // twenty seconds of a core

  it('packs all that the package promises', () => {
    const manifest = JSON.parse(packed.get('package.json') as string);
    const promised = [
      manifest.main,
      manifest.types,
      ...Object.values(manifest.bin),
      ...Object.values(manifest.imports).flatMap((each) => Object.values(each as object)),
      ...Object.values(manifest.exports).flatMap((entry) =>
        typeof entry === 'string' ? entry : Object.values(entry as object),
      ),
    ].map((path) => String(path).replace('./', ''));
    expect([...packed.keys()]).toEqual(expect.arrayContaining(promised));
  });

  it('is built again only where its sources have changed, and says what it builds', async () => {
    const built = async () => (await run(process.execPath, ['scripts/build.mjs'], { cwd: one })).stderr;
    expect(await built()).toBe('The build is up to date.\n');
    await appendFile(join(one, 'scripts/shaders.ts'), '// changed\n');
    expect(await built()).toMatch(/^Building dist\/ \.\.\.\nBuilt dist\/ in [\d.]+ s\.\n$/);
    // Whatever tsup cleans, the declarations stay.
    expect(await readFile(join(one, 'dist/types/index.d.ts'), 'utf8')).toBe(packed.get('dist/types/index.d.ts'));
  }, 60_000);

  it('gives the same tarball in another folder, without the path of either', async () => {
    const other = await clone('a/deeper/place/of another name');
    const again = await readFile(await pack(other));
    for (const [name, text] of await filesOf(join(other, 'dist'))) {
      // toBe would print them.
      expect(packed.get(`dist/${name}`) === text, `dist/${name} differs`).toBe(true);
      expect(text.includes(folder) || text.includes(root), `dist/${name} has a path`).toBe(false);
    }
    expect((await readFile(tarball)).equals(again)).toBe(true);
  }, 240_000);

  it('is found in order by publint and by arethetypeswrong', async () => {
    const { messages } = await publint({ pkgDir: join(folder, 'package'), strict: true, pack: false });
    expect(messages.map(({ code, path }) => `${code} at ${path.join('.')}`)).toEqual([]);
    const found = await checkPackage(createPackageFromTarballData(new Uint8Array(await readFile(tarball))));
    // require() gets the ES modules themselves, which Node loads since 20.19 and TypeScript knows as nodenext.
    const problems = (found.types ? found.problems : []).filter(({ kind }) => kind !== 'CJSResolvesToESM');
    expect(found.types && problems.map((problem) => JSON.stringify(problem))).toEqual([]);
  }, 60_000);

  it('is packed, and given to npm, by the commands of the release', async () => {
    const workflow = await readFile('.github/workflows/release.yml', 'utf8');
    const commands = [...workflow.matchAll(/^ +(?:- )?run: (.*npm (?:pkg set|pack|publish) .*)$/gm)].map(
      ([, line]) => line as string,
    );
    expect(commands.map((line) => /npm (\w+)/.exec(line)?.[1])).toEqual(['pkg', 'pack', 'publish']);
    // What they need of npm's and GitHub's servers is left out.
    const dry = commands
      .join(' && ')
      .replace('--provenance', '--dry-run --loglevel notice --registry http://127.0.0.1:9/ --fetch-retries 0');
    const env = { ...process.env, GITHUB_REPOSITORY: 'someone/something' };
    const place = join(folder, 'release');
    await mkdir(place);
    await extract({ file: tarball, cwd: place, strip: 1 });
    const { stdout, stderr } = await run('bash', ['-e', '-c', `npm pkg delete scripts && ${dry}`], { cwd: place, env });
    expect(stderr).toMatch(/Publishing to http:\/\/127\.0\.0\.1:9\/ with tag latest and public access/);
    expect(stdout).toContain(`+ distillm@${JSON.parse(packed.get('package.json') as string).version}`);
    const { repository } = JSON.parse(await readFile(join(place, 'package.json'), 'utf8'));
    expect(repository).toEqual({ type: 'git', url: 'git+https://github.com/someone/something.git' });
  }, 60_000);

  it.each([...new Set([process.execPath, installed])])(
    'is imported and required by %s, as one copy, and leaves nothing running',
    async (node) => {
      const script = `
      const names = ${JSON.stringify(entries)};
      const required = names.map((name) => require(name));
      Promise.all(names.map((name) => import(name))).then(async (imported) => {
        if (!required.every((each, at) => each.OptionError === imported[at].OptionError)) throw new Error('two copies');
        const device = await required[0].openDevice({ kind: 'wasm', wasm: { threads: 2 } });
        console.log(required[0].rougeL('a b', ['a b']), imported.length, device.info.kind);
        await device.dispose();
      });`;
      const { stdout } = await run(node, ['--no-warnings', '-e', script], {
        cwd: join(folder, 'app'),
        timeout: 20_000,
      });
      expect(stdout).toBe(`100 ${entries.length} wasm\n`);
    },
    30_000,
  );

  it.each([
    ['rougeL', 10_000],
    ['openDevice', 400_000],
    ['readInstructions', 700_000],
    ['createChatTemplate', 300_000],
  ])('lets a bundler leave out what a page with %s does not need', async (name, most) => {
    const { outputFiles, metafile } = await build({
      stdin: { contents: `export { ${name} } from 'distillm';`, resolveDir: join(folder, 'app') },
      ...{
        bundle: true,
        minify: true,
        format: 'esm',
        platform: 'browser',
        write: false,
        metafile: true,
        logLevel: 'error',
      },
    });
    expect((outputFiles[0] as { contents: Uint8Array }).contents.length).toBeLessThan(most);
    const inputs = Object.entries(Object.values(metafile.outputs)[0]?.inputs ?? {});
    const used = inputs.filter(([, { bytesInOutput }]) => bytesInOutput > 0).map(([path]) => path);
    expect(used.some((path) => path.includes('@huggingface/jinja'))).toBe(name === 'createChatTemplate');
    const texts = outputFiles.map(({ text }) => text).join('\n');
    expect(texts.match(/["'](?:node:\w+|worker_threads)["']|(?:from|import\()\s*["']webgpu/g)).toBe(null);
    expect(used.filter((path) => path.includes('zod/v4/locales') && !path.endsWith('/en.js'))).toEqual([]);
  });

  it("is taken into a worker by Vite's defaults", async () => {
    const app = join(folder, 'app');
    await writeFile(join(app, 'index.html'), '<!doctype html><script type="module" src="/main.js"></script>');
    await writeFile(
      join(app, 'main.js'),
      "import { startWorker } from 'distillm/worker'; startWorker(); new Worker(new URL('./own.js', import.meta.url));",
    );
    await writeFile(
      join(app, 'own.js'),
      "import { distill, loadModel, openDevice } from 'distillm'; self.all = [distill, loadModel, openDevice];",
    );
    await buildWithVite({ root: app, configFile: false, logLevel: 'silent' });
    const made = [...(await filesOf(join(app, 'dist/assets')))];
    const scripts = ['own', 'browserWorker', 'poolWorker', 'compute-fused', 'compute-plain'];
    const countOf = (script: string) => made.filter(([name]) => name.startsWith(`${script}-`)).length;
    expect(scripts.map(countOf)).toEqual([1, 1, 1, 1, 1]);
    // The page has handles, and the worker all that they are handles of.
    const [, page = ''] = made.find(([name]) => name.startsWith('index-')) ?? [];
    expect(gzipSync(page).length).toBeLessThan(8_000);
  }, 60_000);
});
