/** One benchmark in this process, for run.ts: `node bench/runner/node.ts --benchmark gemm --device wasm --threads 2`. */
import { openDevice } from 'distillm';
import { type BenchmarkName, benchmarks } from '../benchmarks.ts';
import type { Size } from '../frame/benchmark.ts';
import { nodeAssets } from '../peers/installed.ts';
import { argument, flag, print } from './commandLine.ts';

try {
  const idle = flag('idle-adapter') ? await openIdle() : undefined;
  const device = await openDevice({
    kind: argument('device', 'wasm') as 'wasm' | 'webgpu',
    wasm: {
      threads: Number(argument('threads', '2')),
      arithmetic: argument('arithmetic', 'fused') as 'fused' | 'plain',
    },
    webgpu: {
      allowSoftware: flag('allow-software'),
      subgroupMatrices: flag('subgroup-matrices'),
      ...(idle && { device: idle.device }),
    },
  });
  const setting = {
    device,
    size: argument('size', 'full') as Size,
    assets: nodeAssets,
    resident: () => ({ now: process.memoryUsage.rss(), peak: 1024 * process.resourceUsage().maxRSS }),
  };
  for await (const measurement of benchmarks[argument('benchmark', '') as BenchmarkName](setting)) print(measurement);
  await device.dispose();
} catch (error) {
  // Its last line is what the table says about a variant that did not run.
  console.error(error instanceof Error ? `${error.stack}\n${error.message}` : error);
  process.exitCode = 1;
}

/** Dawn's null adapter: takes all commands, checks them and does nothing. `gpu` must outlive the device. */
async function openIdle() {
  const { create } = await import('webgpu'); // optional
  const gpu = create(['backend=null']);
  const adapter = await gpu.requestAdapter();
  if (!adapter) throw new Error('Dawn has no null adapter here');
  return { gpu, device: await adapter.requestDevice() };
}
