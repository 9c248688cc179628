import { openDevice } from 'distillm';
import { trainEmbedded } from '../../examples/train-embedded.js';

interface Request {
  readonly arithmetic?: 'fused' | 'plain';
}

/** Runs in a worker of the page: opens the device that the page's address asks for, trains, sends everything back. */
self.onmessage = async ({ data }: MessageEvent<Request>) => {
  try {
    const device = await openDevice({ kind: 'wasm', wasm: data.arithmetic ? { arithmetic: data.arithmetic } : {} });
    const { losses, sources, weights } = await trainEmbedded(device);
    const bits = Object.fromEntries(
      Object.entries(weights).map(([name, values]) => [name, [...new Uint32Array(values.buffer)]]),
    );
    postMessage({ info: device.info, losses, sources, bits });
    await device.dispose();
  } catch (error) {
    postMessage({ error: String(error instanceof Error ? (error.stack ?? error) : error) });
  }
};
