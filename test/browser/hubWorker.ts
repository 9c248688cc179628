import { openFolder } from 'distillm';

interface Request {
  readonly endpoint: string;
  readonly offline: string;
  /** Bytes after which the download is stopped. */
  readonly stopAt: string;
}

/** Runs in a worker of the page: reads a file of the hub, and sends back what came of it. */
self.onmessage = async ({ data: { endpoint, offline, stopAt } }: MessageEvent<Request>) => {
  const told: number[] = [];
  const stop = new AbortController();
  const store = openFolder('hf:org/name', {
    hub: { endpoint, offline: offline === 'yes', token: 'secret' },
    signal: stop.signal,
    onProgress: ({ loaded }) => {
      told.push(loaded);
      if (loaded >= Number(stopAt)) stop.abort(new Error('stopped'));
    },
  });
  try {
    const bytes = await store.read('model.safetensors');
    const digest = [...new Uint8Array(await crypto.subtle.digest('SHA-256', bytes))];
    postMessage({ told, sha256: digest.map((byte) => byte.toString(16).padStart(2, '0')).join('') });
  } catch (error) {
    postMessage({ told, failed: String(error) });
  }
};
