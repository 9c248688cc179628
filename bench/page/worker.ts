/** Runs one benchmark in a worker of the page and posts its measurements as they come. */
import { openDevice } from 'distillm';
import type { Assets } from '../benchmarks/benchmark.ts';
import { benchmarks } from '../benchmarks/index.ts';
import type { Report, Request } from './protocol.ts';

const fetchText = async (path: string) => {
  const response = await fetch(path);
  if (!response.ok) throw new Error(`${path}: the server answered ${response.status}`);
  return response.text();
};
const assets: Assets = {
  english: () => fetchText('english.txt'),
  tokenizerJson: () => fetchText('tokenizer.json'),
};
const post = (report: Report) => postMessage(report);

self.onmessage = async ({ data }: MessageEvent<Request>) => {
  try {
    const { benchmark, size, threads, allowSoftware } = data;
    const device = await openDevice(data.device, {
      wasm: threads === undefined ? {} : { threads },
      webgpu: { allowSoftware },
    });
    post({ device: device.info.description });
    for await (const measurement of benchmarks[benchmark]({ device, size, assets })) post({ measurement });
    await device.dispose();
    post({ done: true });
  } catch (error) {
    post({ error: error instanceof Error ? error.message : String(error) });
  }
};
