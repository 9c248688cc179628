// The packed package where it is to work: installed from its file by npm, with its dependencies from the registry, imported
// and required by Node 20, 22 and 24, type-checked under every resolution of TypeScript, bundled by Vite, webpack and esbuild, and
// what they make run in Chromium; by Vite 7 and 8, their development servers, and for rendering on a server too. It needs the registry and some minutes, so that CI's tests do not have it; a
// release does.
//   npm run check:package [-- FILE.tgz]
import { execFileSync } from 'node:child_process';
import { copyFileSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { chromium } from 'playwright-core';
import { softwareGPU } from './software-gpu.mjs';

const root = fileURLToPath(new URL('..', import.meta.url));
const [given] = process.argv.slice(2);
const folder = mkdtempSync(join(tmpdir(), 'distillm-package-'));
const file = given
  ? resolve(given)
  : join(folder, run('npm', ['pack', '--silent', '--pack-destination', folder], root).trim().split('\n').at(-1));

let failures = 0;
/** Runs a check, and prints a line of it. */
async function check(name, work) {
  try {
    console.log(`  passed ${name}${(await work()) ?? ''}`);
  } catch (error) {
    failures++;
    console.log(`  failed ${name}: ${error.stdout ?? ''}${error.stderr ?? ''}${error.message}`);
  }
}
function run(command, args, cwd = folder) {
  return execFileSync(command, args, { cwd, encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'] });
}
function write(files) {
  for (const [path, text] of Object.entries(files)) {
    mkdirSync(join(folder, path, '..'), { recursive: true });
    writeFileSync(join(folder, path), text);
  }
}

const { devDependencies } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'));
const versions = (...names) => names.map((name) => `${name}@${devDependencies[name] ?? 'latest'}`);
write({ 'package.json': '{ "name": "app", "private": true, "type": "module" }' });

await check('npm install', () => {
  run('npm', ['install', '--no-audit', '--no-fund', file]);
  const names = readdirSync(join(folder, 'node_modules'));
  // The optional peer comes only when it is asked for.
  if (names.includes('webgpu')) throw new Error('webgpu was installed unasked');
});

const names = ['distillm', ...['tensor', 'report', 'testing', 'worker', 'embedded'].map((name) => `distillm/${name}`)];
write({
  'esm.mjs': `${names.map((name) => `import '${name}';`).join('\n')}
import { openDevice, rougeL } from 'distillm';
import { startWorker } from 'distillm/worker';
const device = await openDevice({ kind: 'wasm', wasm: { threads: 2 } });
const worker = await startWorker();
const score = await worker.rougeL('a b', ['a b']);
if (score !== 100 || rougeL('a b', ['a b']) !== 100) throw new Error(\`rougeL is \${score}\`);
await Promise.all([device.dispose(), worker.terminate()]);
`,
  'cjs.cjs': `${names.map((name) => `require('${name}');`).join('\n')}
const { rougeL, OptionError } = require('distillm');
if (rougeL('a b', ['a b']) !== 100) throw new Error('rougeL');
import('distillm').then((same) => { if (same.OptionError !== OptionError) throw new Error('two copies'); });
`,
});
for (const major of [20, 22, 24]) {
  const node = ['--yes', `--package=node@${major}`, '--', 'node'];
  for (const script of ['esm.mjs', 'cjs.cjs'])
    await check(`Node ${major}, ${script}`, () => void run('npx', [...node, script]));
}

const vites = ['vite7', 'vite8'];
await check('npm install of what bundles it', () => {
  run('npm', [
    'install',
    '--no-audit',
    '--no-fund',
    ...versions('typescript', 'esbuild', 'webpack', 'webpack-cli', '@types/node'),
    ...vites.map((name) => `${name}@npm:vite@${name.slice(-1)}`),
  ]);
});
write({
  'typed.ts': `import { type Device, openDevice, rougeL } from 'distillm';
import { type DistillmWorker, startWorker } from 'distillm/worker';
import type { Tensor } from 'distillm/tensor';
const worker: DistillmWorker = await startWorker();
const score: number = await worker.rougeL('a', ['a']);
export const tried: [Device, number, Tensor | undefined] = [await openDevice(), score + rougeL('a', ['a']), undefined];
`,
  'typed.cts': `import { type Device, openDevice, rougeL } from 'distillm';
import { startWorker } from 'distillm/worker';
import type { Tensor } from 'distillm/tensor';
export const tried: [Promise<Device>, number, Tensor | undefined] = [openDevice(), rougeL('a', ['a']), undefined];
void startWorker().then((worker) => worker.terminate());
`,
});
for (const [module, resolution, ...commonJS] of [
  // It knows nothing of Node's loading ES modules by `require`.
  ['node16', 'node16'],
  ['nodenext', 'nodenext', 'typed.cts'],
  ['esnext', 'bundler'],
]) {
  await check(`TypeScript, ${resolution}`, () => {
    const options = [
      '--module',
      module,
      '--moduleResolution',
      resolution,
      '--target',
      'es2023',
      '--lib',
      'es2023,esnext.disposable,dom',
    ];
    run('npx', ['tsc', '--noEmit', '--strict', ...options, 'typed.ts', ...commonJS]);
  });
}

write({
  'index.html': '<!doctype html><script type="module" src="/page.js"></script>',
  'page.js': `import { startWorker } from 'distillm/worker';
import { openDevice, skewReverseKL } from 'distillm';
const own = new Worker(new URL('./own.js', import.meta.url), { type: 'module' });
const heard = new Promise((resolve) => { own.onmessage = ({ data }) => resolve(data); });
const kindIn = async (api) => (await (await api.openDevice({ kind: 'wasm' })).info).kind;
Promise.all([startWorker().then(kindIn), kindIn({ openDevice }), heard, skewReverseKL().kind]).then(
  (tried) => { globalThis.tried = tried.join(' '); },
  (error) => { globalThis.tried = String(error); },
);
`,
  'own.js': `import { distill, loadModel, openDevice } from 'distillm';
globalThis.all = [distill, loadModel];
openDevice({ kind: 'wasm' }).then(({ info }) => postMessage(info.kind), (error) => postMessage(String(error)));
`,
});
/** What a bundler made has neither Node nor Dawn in it, and the script of the worker beside it. */
const requireFit = (made) => {
  const texts = readdirSync(join(folder, made), { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile() && entry.name.endsWith('.js'))
    .map((entry) => readFileSync(join(entry.parentPath, entry.name), 'utf8'));
  for (const word of ['node:worker_threads', 'node:fs', 'from"webgpu"', "import('webgpu')", 'import("webgpu")']) {
    if (texts.some((text) => text.includes(word))) throw new Error(`${made} has ${word}`);
  }
  const bytes = texts.reduce((sum, text) => sum + text.length, 0);
  return `: ${texts.length} scripts of ${(bytes / 1000).toFixed(0)} kB`;
};
const gpu = await softwareGPU();
const executablePath = process.env.DISTILLM_CHROMIUM ?? gpu.chromiumPath;
const browser =
  executablePath &&
  (await chromium.launch({ executablePath, args: ['--no-sandbox'], env: { ...process.env, ...gpu.env } }));
/** Opens in Chromium what was made, with the page's own script as it is loaded: devices open in page and workers. */
const requireRunning = async (made, script) => {
  if (!browser) return ', not opened: there is no Chromium here';
  const asked = [];
  const server = createServer(({ url = '/' }, response) => {
    const path = new URL(url, 'http://localhost').pathname;
    asked.push(path);
    try {
      const body = path === '/' ? `<!doctype html>${script}` : readFileSync(join(folder, made, path));
      const type = path === '/' ? 'text/html' : path.endsWith('.js') ? 'text/javascript' : 'application/wasm';
      response.writeHead(200, { 'Content-Type': type }).end(body);
    } catch {
      response.writeHead(404).end();
    }
  });
  await new Promise((ready) => server.listen(0, '127.0.0.1', ready));
  try {
    const tried = await triedAt(`http://127.0.0.1:${server.address().port}/`);
    if (tried !== allWork) throw new Error(`${made} in Chromium: ${tried}`);
    return `, run in Chromium with ${new Set(asked.filter((path) => path.endsWith('.wasm'))).size} .wasm`;
  } finally {
    server.close();
  }
};
const allWork = 'wasm wasm wasm skewReverseKL';
/** What the page says in the end. */
const triedAt = async (url) => {
  const page = await browser.newPage();
  try {
    await page.goto(url);
    await page.waitForFunction('globalThis.tried', undefined, { timeout: 60_000 });
    return await page.evaluate('globalThis.tried');
  } finally {
    await page.close();
  }
};

write({
  'server.js': `${names.map((name) => `import '${name}';`).join('\n')}
import { rougeL } from 'distillm';
import { startWorker } from 'distillm/worker';
export const rendered = rougeL('a b', ['a b']) + typeof startWorker;
`,
});
const requireRendered = async ({ rendered }) => {
  if (rendered !== '100function') throw new Error(`rendered was ${rendered}`);
};
for (const name of vites) {
  const entry = createRequire(join(folder, 'app.js')).resolve(name);
  const vite = await import(pathToFileURL(entry).href);
  const common = { root: folder, configFile: false, logLevel: 'silent' };
  await check(`${name}, build`, async () => {
    const made = `${name}-made`;
    await vite.build({ ...common, build: { outDir: made, target: 'es2022' } });
    const [html] = /<script.*<\/script>/.exec(readFileSync(join(folder, made, 'index.html'), 'utf8'));
    return requireFit(made) + (await requireRunning(made, html));
  });
  for (const noExternal of [false, true]) {
    await check(`${name}, build for a server${noExternal ? ', the package in the bundle' : ''}`, async () => {
      const outDir = `${name}-server${noExternal ? '-whole' : ''}`;
      await vite.build({
        ...common,
        build: { ssr: 'server.js', outDir },
        ssr: { noExternal: noExternal || undefined },
      });
      await requireRendered(await import(pathToFileURL(join(folder, outDir, 'server.js')).href));
    });
  }
  /** Does something with the development server. */
  const withServer = async (optimizeDeps, work) => {
    const asked = { entries: ['index.html'], force: true, ...optimizeDeps };
    const server = await vite.createServer({ ...common, optimizeDeps: asked, server: { host: '127.0.0.1', port: 0 } });
    try {
      await server.listen();
      await work(server, `http://127.0.0.1:${server.httpServer.address().port}/`);
    } finally {
      await server.close();
    }
  };
  await check(`${name}, rendering on the development server`, () =>
    withServer({}, async (server) => requireRendered(await server.ssrLoadModule('/server.js'))),
  );
  if (!browser) continue;
  // As docs/browsers.md says.
  const optimizeDeps = name === 'vite7' ? { exclude: ['distillm'] } : {};
  await check(`${name}, development server${name === 'vite7' ? ' with optimizeDeps.exclude' : ''}`, () =>
    withServer(optimizeDeps, async (_, url) => {
      const tried = await triedAt(url);
      if (tried !== allWork) throw new Error(tried);
    }),
  );
  if (name === 'vite7') {
    await check('vite7, development server without optimizeDeps.exclude says what to do', () =>
      withServer({}, async (_, url) => {
        const tried = await triedAt(url);
        if (!tried.includes("optimizeDeps: { exclude: ['distillm'] }")) throw new Error(tried);
      }),
    );
  }
}
await check('webpack', async () => {
  run('npx', ['webpack', './page.js', '--mode', 'production', '--output-path', 'webpack-made', '--target', 'web']);
  return requireFit('webpack-made') + (await requireRunning('webpack-made', '<script src="/main.js"></script>'));
});
await check('esbuild', async () => {
  run('npx', ['esbuild', 'page.js', 'own.js', '--bundle', '--format=esm', '--outdir=esbuild-made', '--minify']);
  // As docs/browsers.md says.
  const dist = join(folder, 'node_modules/distillm/dist');
  for (const name of [
    'platform/browserWorker.js',
    'platform/poolWorker.js',
    'compute-fused.wasm',
    'compute-plain.wasm',
  ])
    copyFileSync(join(dist, name), join(folder, 'esbuild-made', name.replace('platform/', '')));
  const script = '<script type="module" src="/page.js"></script>';
  return requireFit('esbuild-made') + (await requireRunning('esbuild-made', script));
});
await browser?.close();

rmSync(folder, { recursive: true });
console.log(failures === 0 ? `${file} works everywhere` : `${failures} failed`);
process.exitCode = failures > 0 ? 1 : 0;
