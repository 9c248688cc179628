/**
 * One benchmark in a page of headless Chromium, for run.ts: `node bench/page/drive.ts --benchmark gemm --device wasm`.
 * `--peer onnxruntime-web` runs that package instead of distillm; `--revectorize` starts Chromium with V8's 256-bit packing;
 * `--serve 8787` only serves the page, for a browser of your own. DISTILLM_CHROMIUM names another Chromium than the
 * packaged one.
 */
import { chromium } from 'playwright-core';
import { softwareGPU } from '../../scripts/software-gpu.mjs';
import type { BenchmarkName } from '../benchmarks.ts';
import type { Size } from '../frame/benchmark.ts';
import type { Measurement } from '../frame/measure.ts';
import { peersInstalled } from '../peers/installed.ts';
import { argument, flag, print, printRuntime } from '../runner/commandLine.ts';
import { buildPage } from './build.ts';
import type { Machine } from './machine.ts';
import type { Request } from './protocol.ts';
import { serveFolder } from './serve.ts';

type SoftwareGPU = Awaited<ReturnType<typeof softwareGPU>>;
/** What main.ts puts on the page's window. */
type Page = { collect: (request: Request) => Promise<Measurement[]>; machine: Machine };

const folder = await buildPage();
if (flag('serve')) {
  const port = Number(argument('serve', '8787'));
  await serveFolder(folder, port).then(
    ({ url }) => console.error(`Open ${url} (Ctrl-C ends it).`),
    (error: Error) => {
      console.error(
        `bench: the page cannot be served: ${error.message}. \`npm run bench:page -- 8888\` takes another port.`,
      );
      process.exitCode = 1;
    },
  );
} else {
  const server = await serveFolder(folder);
  await drive(server.url)
    .catch((error: Error) => {
      // Its other lines are where in the page.
      console.error(error.message.split('\n')[0]);
      process.exitCode = 1;
    })
    .finally(server.close);
}

async function drive(url: string): Promise<void> {
  const peer = argument('peer', '');
  const request: Request = {
    benchmark: argument('benchmark', '') as BenchmarkName,
    size: argument('size', 'full') as Size,
    device: peer ? { peer } : (argument('device', 'wasm') as 'wasm' | 'webgpu'),
    threads: Number(argument('threads', '2')),
    allowSoftware: flag('allow-software'),
  };
  if (!peersInstalled && (peer || request.benchmark === 'tokenizer'))
    throw new Error('bench/peers is not installed: `npm run bench` does that');
  const gpu = await softwareGPU();
  const executablePath = process.env.DISTILLM_CHROMIUM ?? ('missing' in gpu ? undefined : gpu.chromiumPath);
  if (!executablePath) throw new Error(`no Chromium: ${'missing' in gpu ? gpu.missing : ''}. Set DISTILLM_CHROMIUM`);
  const args = ['--no-sandbox', '--headless=new', '--enable-unsafe-webgpu'];
  if (request.allowSoftware) args.push('--use-webgpu-adapter=swiftshader');
  else args.push('--enable-features=Vulkan', '--ignore-gpu-blocklist');
  if (flag('revectorize')) args.push('--js-flags=--experimental-wasm-revectorize');
  const browser = await chromium.launch({ executablePath, args, env: environment(gpu) });
  try {
    const page = await browser.newPage();
    await page.goto(url);
    // Not `machine`: an element with that id is on the window from the start.
    await page.waitForFunction(() => 'collect' in window);
    const { webgpu } = await page.evaluate(() => (window as unknown as Page).machine);
    if (request.device === 'webgpu' && webgpu !== 'hardware' && !request.allowSoftware)
      throw new Error('Chromium finds no hardware WebGPU adapter');
    printRuntime(`Chromium ${browser.version()}`);
    const found = await page.evaluate((wanted) => (window as unknown as Page).collect(wanted), request);
    for (const measurement of found) print(measurement);
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
