/**
 * The benchmarks in a page of headless Chromium, one row each, for run.ts: `node bench/browser.ts --device wasm`.
 * `--revectorize` starts it with V8's 256-bit packing; `--serve 8787` only serves the page, for a browser of your own.
 * DISTILLM_CHROMIUM names another Chromium than the packaged one.
 */
import { chromium } from 'playwright-core';
import { softwareGPU } from '../scripts/software-gpu.mjs';
import type { Size } from './benchmarks/benchmark.ts';
import type { BenchmarkName } from './benchmarks/index.ts';
import { argument, flag, print } from './commandLine.ts';
import type { Measurement } from './measure.ts';
import { buildPage } from './page/build.ts';
import type { Machine } from './page/machine.ts';
import type { Request } from './page/protocol.ts';
import { serveFolder } from './page/serve.ts';

type SoftwareGPU = Awaited<ReturnType<typeof softwareGPU>>;
/** What main.ts puts on the page's window. */
type Page = { collect: (request: Request) => Promise<Measurement[]>; machine: Machine };

const plan: readonly [BenchmarkName, Size][] = [
  ['gemm', 'full'],
  ['attention', 'full'],
  ['divergence', 'full'],
  ['linearDivergence', 'small'],
  ['trainingStep', 'full'],
  ['decode', 'small'],
  ['tokenizer', 'full'],
];

const folder = await buildPage();
if (flag('serve')) {
  const { url } = await serveFolder(folder, Number(argument('serve', '8787')));
  console.error(`Open ${url} (Ctrl-C ends it).`);
} else {
  const server = await serveFolder(folder);
  await drive(server.url)
    .catch((error: Error) => {
      console.error(error.message);
      process.exitCode = 1;
    })
    .finally(server.close);
}

async function drive(url: string): Promise<void> {
  const gpu = await softwareGPU();
  const executablePath = process.env.DISTILLM_CHROMIUM ?? ('missing' in gpu ? undefined : gpu.chromiumPath);
  if (!executablePath) throw new Error(`no Chromium: ${'missing' in gpu ? gpu.missing : ''}. Set DISTILLM_CHROMIUM`);
  const args = ['--no-sandbox', '--headless=new', '--enable-unsafe-webgpu'];
  if (flag('allow-software')) args.push('--use-webgpu-adapter=swiftshader');
  else args.push('--enable-features=Vulkan', '--ignore-gpu-blocklist');
  if (flag('revectorize')) args.push('--js-flags=--experimental-wasm-revectorize');
  const browser = await chromium.launch({ executablePath, args, env: environment(gpu) });
  try {
    const page = await browser.newPage();
    await page.goto(url);
    await page.waitForFunction(() => 'machine' in window);
    const device = argument('device', 'wasm') as Request['device'];
    const { webgpu } = await page.evaluate(() => (window as unknown as Page).machine);
    if (device === 'webgpu' && webgpu !== 'hardware' && !flag('allow-software'))
      throw new Error('Chromium finds no hardware WebGPU adapter');
    const only = argument('size', '') as Size | '';
    for (const [benchmark, size] of plan) {
      if (benchmark === 'tokenizer' && device === 'webgpu') continue; // it runs on no device
      const request: Request = { benchmark, size: only || size, device, allowSoftware: flag('allow-software') };
      const found = await page.evaluate((wanted) => (window as unknown as Page).collect(wanted), request);
      for (const measurement of found) print({ ...measurement, case: `${benchmark}: ${measurement.case}` });
    }
  } finally {
    await browser.close();
  }
}

/** The packaged Chromium needs libraries that come with it; its Vulkan driver is for `--allow-software` only. */
function environment(gpu: SoftwareGPU): Record<string, string> {
  const own = Object.fromEntries(Object.entries(process.env).filter((entry): entry is [string, string] => !!entry[1]));
  if ('missing' in gpu) return own;
  const { VK_ICD_FILENAMES: _, VK_DRIVER_FILES: __, ...libraries } = gpu.env;
  return { ...own, ...(flag('allow-software') ? gpu.env : libraries) };
}
