/** Runs one benchmark in a worker of the page: of distillm, or of the package that the request names. */
import { openDevice } from 'distillm';
import { benchmarks } from '../benchmarks.ts';
import { loadPeer } from '../peers.ts';
import { answerRequests } from './answerRequests.ts';

answerRequests(async function* ({ benchmark, size, device: kind, threads, allowSoftware }, assets, onDevice) {
  if (typeof kind !== 'string') {
    const peer = await loadPeer(benchmark, kind.peer, 'page');
    const used = benchmark === 'tokenizer' || !crossOriginIsolated ? 1 : (threads ?? navigator.hardwareConcurrency);
    onDevice(`${kind.peer}, ${used} thread${used > 1 ? 's' : ''}`);
    yield* peer({ threads: used, size, assets, wasmFolder: () => new URL('./', self.location.href).href });
    return;
  }
  const wasm = threads === undefined ? {} : { threads };
  const device = await openDevice({ kind, wasm, webgpu: { allowSoftware } });
  onDevice(device.info.description);
  yield* benchmarks[benchmark]({ device, size, assets });
  await device.dispose();
});
