import type { Measurement } from '../frame/measure.ts';
import type { Report, Request } from './protocol.ts';

interface Listeners {
  /** The device is open; its description. */
  readonly onDevice?: (device: string) => void;
  readonly onMeasurement: (measurement: Measurement) => void;
  /** Ends the worker, and with it the benchmark. */
  readonly signal?: AbortSignal;
}

/** Runs one benchmark in a worker of its own, so that each starts with empty memory and the page stays responsive. */
export function runInWorker(request: Request, { onDevice, onMeasurement, signal }: Listeners): Promise<void> {
  const worker = new Worker('worker.js', { type: 'module' });
  return new Promise<void>((resolve, reject) => {
    signal?.addEventListener('abort', () => reject(new Error('stopped')));
    worker.onerror = (event) => reject(new Error(event.message || 'the worker did not start'));
    worker.onmessage = ({ data }: MessageEvent<Report>) => {
      if ('device' in data) onDevice?.(data.device);
      else if ('measurement' in data) onMeasurement(data.measurement);
      else if ('error' in data) reject(new Error(data.error));
      else resolve();
    };
    worker.postMessage(request);
  }).finally(() => worker.terminate());
}
