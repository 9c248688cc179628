/** Measures the tiles' rates on this adapter, keeps them where later processes find them, and prints them as facts. */
import { openDevice } from 'distillm';
import { tuneDevice } from 'distillm/tensor';
import { flag, printFacts } from '../runner/commandLine.ts';

const device = await openDevice({
  kind: 'webgpu',
  webgpu: { allowSoftware: flag('allow-software'), subgroupMatrices: flag('subgroup-matrices') },
});
const small = flag('tiny') ? { milliseconds: 1, side: 64 } : {};
const { rates } = await tuneDevice(device, small);
printFacts({ rates });
await device.dispose();
