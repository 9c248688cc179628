import { expect, it } from 'vitest';
import { compileKernels } from '../../../src/backend/wasm/compile.js';
import { selfCheck } from '../../../src/backend/wasm/selfCheck.js';
import { createLinearMemory } from '../../../src/device/wasm/memory.js';
import { openPool } from '../../../src/device/wasm/pool.js';
import { DeviceError } from '../../../src/errors.js';

it('passes on this engine, and says how to switch the packing off when one bit is wrong', async () => {
  const memory = createLinearMemory({ shared: false });
  const pool = await openPool(await compileKernels(false), memory, 1);
  expect(selfCheck({ memory, pool }, true)).toBeUndefined();
  // A multiplication that forgets the last bit of layerNorm's first output, y = args[3].
  const parallel: typeof pool.parallel = (name, args, ...rest) => {
    pool.parallel(name, args, ...rest);
    if (name === 'layerNorm') new Uint32Array(memory.memory.buffer, args[3], 1)[0]! ^= 1;
  };
  const packed = selfCheck({ memory, pool: { ...pool, parallel } }, true);
  expect(packed).toBeInstanceOf(DeviceError);
  expect(packed?.message).toMatch(/^Self-check of layerNorm: .*start without --experimental-wasm-revectorize/);
  expect(selfCheck({ memory, pool: { ...pool, parallel } }, false)?.message).toMatch(/use a WebGPU device/);
});
