/** The package as `npm pack` makes it from a clone in which nothing is built, and whether it knows where it was built. */
import { execFile } from 'node:child_process';
import { appendFile, cp, mkdir, mkdtemp, readdir, readFile, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { build } from 'esbuild';
import { extract } from 'tar';
import { build as buildWithVite } from 'vite';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

const run = promisify(execFile);
const root = fileURLToPath(new URL('..', import.meta.url));
// What git has, and build/ with the WASM modules, whose compiler takes a minute.
const sources = ['assembly', 'kernels', 'src', 'scripts', 'build', 'LICENSE', 'README.md', 'asconfig.json'];
const configs = ['package.json', 'package-lock.json', 'tsconfig.json', 'tsconfig.types.json', 'tsup.config.ts'];

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

describe('a clean clone', () => {
  let one: string;
  let packed: Map<string, string>;
  beforeAll(async () => {
    one = await clone('one');
    const { stdout } = await run('npm', ['pack', '--json', '--loglevel=error'], { cwd: one });
    const [{ filename }] = JSON.parse(stdout.slice(stdout.indexOf('[\n')));
    await extract({ file: join(one, filename), cwd: folder });
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
      ...Object.values(manifest.imports['#platform']),
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

  it('gives the same in another folder, without the path of either', async () => {
    const other = await clone('a/deeper/place/of another name');
    await run(process.execPath, ['node_modules/tsup/dist/cli-default.js', '--silent'], { cwd: other });
    for (const [name, text] of await filesOf(join(other, 'dist'))) {
      // toBe would print them.
      expect(packed.get(`dist/${name}`) === text, `dist/${name} differs`).toBe(true);
      expect(text.includes(folder) || text.includes(root), `dist/${name} has a path`).toBe(false);
    }
  }, 60_000);

  it.each([
    ['rougeL', 10_000],
    ['openDevice', 700_000],
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
    expect(used.filter((path) => path.includes('zod/v4/locales') && !path.endsWith('/en.js'))).toEqual([]);
  });

  it("is taken into a worker by Vite's defaults", async () => {
    const app = join(folder, 'app');
    await writeFile(join(app, 'index.html'), '<!doctype html><script type="module" src="/main.js"></script>');
    await writeFile(join(app, 'main.js'), "new Worker(new URL('./worker.js', import.meta.url));");
    await writeFile(
      join(app, 'worker.js'),
      "import { distill, loadModel, openDevice } from 'distillm'; self.all = [distill, loadModel, openDevice];",
    );
    await buildWithVite({ root: app, configFile: false, logLevel: 'silent' });
    const made = [...(await filesOf(join(app, 'dist/assets')))];
    expect(made.filter(([name]) => name.startsWith('worker-'))).toHaveLength(1);
  }, 60_000);
});
