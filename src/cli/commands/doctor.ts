/** `distillm doctor`: opens every device that this machine has, and says what is missing. */
import { availableParallelism, cpus, freemem, totalmem } from 'node:os';
import { simd, threads } from 'wasm-feature-detect';
import { tuneDevice } from '../../entries/tensor.js';
import { type DeviceReport, examineDevices, type FoundDevice, openDevice } from '../../index.js';
import { defineCommand } from '../command.js';
import { exitCodes } from '../exitCodes.js';
import { bytes, counted } from '../format.js';
import { flag, hidden } from '../options.js';
import { type Terminal, wrapped } from '../terminal.js';

interface Report extends DeviceReport {
  readonly node: string;
  readonly v8: string;
  readonly platform: string;
  readonly processor: string;
  readonly processors: number;
  readonly memory: { readonly totalBytes: number; readonly freeBytes: number };
  readonly wasm: FoundDevice & { readonly simd: boolean; readonly threadsSupported: boolean };
  readonly advice: readonly string[];
  /** What --tune measured. */
  readonly tuned?: Tuned | { readonly missing: string };
}
type Tuned = Awaited<ReturnType<typeof tuneDevice>>;

export const doctor = defineCommand({
  name: 'doctor',
  summary: 'shows what this machine offers, and what is missing',
  description:
    'Opens every device that this machine has and shows its limits; says what is missing and how to get it. Succeeds ' +
    'when there is a device to train on.',
  example: 'distillm doctor',
  options: {
    Options: {
      json: flag('one line of JSON'),
      tune: hidden(flag('measures matrix products on the WebGPU adapter; later runs on it take the fastest variants')),
    },
  },
  async run({ json, tune }, { program, stdout }) {
    const examined = await examine(program);
    const { webgpu } = examined;
    const report = {
      ...examined,
      ...(tune && { tuned: 'missing' in webgpu ? webgpu : await tuneAdapter(webgpu.subgroupMatrices !== undefined) }),
    };
    stdout.write(json ? `${JSON.stringify(report)}\n` : describe(report, stdout));
    return report.auto === 'none' ? exitCodes.failed : exitCodes.done;
  },
});

async function examine(program: string): Promise<Report> {
  const devices = await examineDevices();
  const features = { simd: await simd(), threadsSupported: await threads() };
  const report = {
    node: process.version,
    v8: process.versions.v8,
    platform: `${process.platform} ${process.arch}`,
    processor: cpus()[0]?.model.trim() || 'unknown processor',
    processors: availableParallelism(),
    memory: { totalBytes: totalmem(), freeBytes: freemem() },
    ...devices,
    wasm: { ...devices.wasm, ...features },
  };
  return { ...report, advice: [...adviseOn(report), ...(await adviseOnVerifying(devices.webgpu, program))] };
}

/** What is measured is kept for every later run on the same adapter. */
async function tuneAdapter(subgroupMatrices: boolean): Promise<Tuned | { missing: string }> {
  try {
    const device = await openDevice({ kind: 'webgpu', webgpu: { allowSoftware: true, subgroupMatrices } });
    try {
      return await tuneDevice(device);
    } finally {
      await device.dispose();
    }
  } catch (error) {
    return { missing: error instanceof Error ? error.message : String(error) };
  }
}

/** A hardware adapter that `distillm verify` has not seen, or on which it found kernels wrong. */
async function adviseOnVerifying(webgpu: FoundDevice, program: string): Promise<string[]> {
  if ('missing' in webgpu || webgpu.software) return [];
  const { keptVerification } = await import('../../entries/testing.js');
  const kept = await keptVerification(webgpu.description);
  if (!kept)
    return [`Nothing is known of ${webgpu.description} yet: ${program} verify checks its kernels in a minute.`];
  if (kept.failed === 0) return [];
  return [
    `${counted(kept.failed, 'kernel', 'were')} wrong on ${webgpu.description} at ${kept.date}: update its driver, then ${program} verify.`,
  ];
}

function adviseOn({ wasm, webgpu, v8 }: Omit<Report, 'advice'>): string[] {
  const advice: string[] = [];
  if ('missing' in wasm) advice.push('WASM: run Node 20 or later on a processor with SIMD (SSE4.1 or Neon).');
  else if (!wasm.revectorized && process.arch === 'x64') {
    advice.push(
      `WASM runs at 128 bits on this V8 (${v8}). Node 24 or later packs vectors to 256 bits, two to three times as fast: ` +
        'npx node@24 node_modules/.bin/distillm ...',
    );
  }
  if ('missing' in webgpu) {
    advice.push(
      webgpu.missing.includes('did not load')
        ? 'WebGPU is optional. For it, install its npm package: npm install webgpu'
        : "WebGPU is optional. For it, install the GPU's driver: on Linux with Vulkan (NVIDIA's own, or the package " +
            'mesa-vulkan-drivers for AMD and Intel); macOS and Windows have one.',
    );
  } else if (webgpu.software) {
    advice.push(
      'The only WebGPU adapter is software, slower than WASM. If there is a GPU in this machine, install its driver.',
    );
  }
  return advice;
}

type Line = [name: string, value: string];

function describe(report: Report, stdout: Terminal['stdout']): string {
  const { node, v8, platform, processor, processors, memory, wasm, webgpu, auto, advice } = report;
  const has = (name: string, there: boolean) => `${name} ${there ? 'yes' : 'no'}`;
  const lines: Line[] = [
    ['Node', `${node} (V8 ${v8}), ${platform}`],
    ['Processor', `${processor}, ${processors} logical`],
    ['Memory', `${bytes(memory.totalBytes)}, ${bytes(memory.freeBytes)} free`],
    ['WASM', summary(wasm)],
    ['', `${has('SIMD', wasm.simd)}, ${has('threads', wasm.threadsSupported)}`],
    ...('kind' in wasm
      ? ([
          ['', `256-bit vectors (revectorizer): ${wasm.revectorized ? 'on, self-check passed' : 'not available'}`],
          ['', `arithmetic: ${wasm.plainBecause ? `plain. ${wasm.plainBecause}` : 'fused, self-check passed'}`],
        ] satisfies Line[])
      : []),
    ['WebGPU', summary(webgpu)],
    ...Object.entries(webgpu.limits ?? {}).map(([name, limit]): Line => ['', `${name} ${limit.toLocaleString('en')}`]),
    ...(webgpu.features ? [['', `features: ${webgpu.features.join(', ') || 'none of use'}`] as Line] : []),
    ...describeTuned(report.tuned),
    ['Default', auto === 'none' ? 'no device works here' : `--device auto takes ${auto}`],
  ];
  const table = lines.map(([name, value]) => `${name.padEnd(10)} ${value}\n`).join('');
  return table + advice.map((line) => `\n${wrapped(line, stdout)}\n`).join('');
}

function describeTuned(tuned: Report['tuned']): Line[] {
  if (!tuned) return [];
  if ('missing' in tuned) return [['Tuned', `nothing: ${tuned.missing}`]];
  const { tiles, sum } = tuned.rates;
  return [
    ...Object.entries(tiles).map(
      ([tile, { gflops, groups }]): Line => [
        '',
        `${tile} tiles: ${gflops.toLocaleString('en', { maximumFractionDigits: 1 })} GFLOP/s, ${groups} workgroups side by side`,
      ],
    ),
    ['', `sums: ${sum.gigabytes.toFixed(1)} GB/s, ${sum.microseconds.toFixed(1)} us a dispatch`],
    ['Tuned', `kept in ${tuned.keptIn}`],
  ];
}

function summary(found: FoundDevice): string {
  if ('missing' in found) return `not available: ${found.missing}`;
  const limit = `at most ${bytes(found.maxStorageBytes)} a tensor`;
  return `${found.description}${found.software ? ' (software)' : ''}, ${limit}`;
}
