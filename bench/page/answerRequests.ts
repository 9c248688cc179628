import type { Assets } from '../frame/benchmark.ts';
import type { Measurement } from '../frame/measure.ts';
import type { Report, Request } from './protocol.ts';

const fetchText = async (path: string) => {
  const response = await fetch(path);
  if (!response.ok) throw new Error(`${path}: the server answered ${response.status}`);
  return response.text();
};
const assets: Assets = {
  english: () => fetchText('english.txt'),
  mixedScripts: () => fetchText('mixed.txt'),
  tokenizerJson: (model) => fetchText(`${model}.json`),
};

type Run = (request: Request, assets: Assets, onDevice: (description: string) => void) => AsyncIterable<Measurement>;

/** In a worker of the page: posts what `run` measures as it comes, then that it is done, or why not. */
export function answerRequests(run: Run): void {
  const post = (report: Report) => postMessage(report);
  self.onmessage = async ({ data }: MessageEvent<Request>) => {
    try {
      for await (const measurement of run(data, assets, (device) => post({ device }))) post({ measurement });
      post({ done: true });
    } catch (error) {
      post({ error: error instanceof Error ? error.message : String(error) });
    }
  };
}
