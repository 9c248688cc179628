// Run in a process of its own by backend.test.ts: opens a device, computes, and reaches its end.
import { openWebGPU } from '../../../src/backend/webgpu/index.js';

const backend = await openWebGPU({ allowSoftware: true, limits: 'default' });
const [a, b, y] = ['a', 'b', 'y'].map((label) => backend.allocate(4, label)) as [never, never, never];
backend.write(a, Float32Array.of(1));
backend.write(b, Float32Array.of(10));
backend.run('add', { dims: { size: 1 }, operands: { a, b, y }, params: {} });
console.log(`sum ${(await backend.read(y, 'f32'))[0]}`);
if (process.argv.includes('disposes of the device')) await backend.dispose();
