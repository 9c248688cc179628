// Run in a process of its own by backend.test.ts: opens devices, computes, and reaches its end.
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import type { Device } from '../../../src/backend/backend.js';
import { openWebGPU } from '../../../src/backend/webgpu/index.js';

const open = () => openWebGPU({ allowSoftware: true, limits: 'default' });
function add(backend: Device, size: number, times: number) {
  const [a, b, y] = ['a', 'b', 'y'].map((label) => backend.allocate(4 * size, label)) as [never, never, never];
  backend.write(a, new Float32Array(size).fill(1));
  backend.write(b, new Float32Array(size).fill(10));
  for (let i = 0; i < times; i++) backend.run('add', { dims: { size }, operands: { a, b, y }, params: {} });
  return y;
}

if (process.argv.includes('drops devices that are at work')) {
  setFlagsFromString('--expose-gc');
  const collect = runInNewContext('gc') as () => void;
  const drop = async () => {
    const backend = await open();
    add(backend, 1 << 16, 300);
    backend.submit();
  };
  for (let device = 0; device < 8; device++) {
    await drop();
    for (let i = 0; i < 6; i++) {
      collect();
      await new Promise((resolve) => setTimeout(resolve, 5));
    }
  }
}
const backend = await open();
console.log(`sum ${(await backend.read(add(backend, 1, 1), 'f32'))[0]}`);
if (process.argv.includes('disposes of the device')) await backend.dispose();
