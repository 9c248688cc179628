/** Runs one benchmark of distillm in a worker of the page. */
import { openDevice } from 'distillm';
import { benchmarks } from '../benchmarks/index.ts';
import { answerRequests } from './answerRequests.ts';

answerRequests(async function* ({ benchmark, size, device: kind, threads, allowSoftware }, assets, onDevice) {
  if (typeof kind !== 'string') throw new Error(`${kind.peer} has a worker of its own`);
  const wasm = threads === undefined ? {} : { threads };
  const device = await openDevice(kind, { wasm, webgpu: { allowSoftware } });
  onDevice(device.info.description);
  yield* benchmarks[benchmark]({ device, size, assets });
  await device.dispose();
});
