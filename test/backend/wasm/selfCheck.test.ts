import { expect, it } from 'vitest';
import { compileKernels, kernelGlobals, relaxedAllowed } from '../../../src/backend/wasm/compile.js';
import { relaxedCheck, selfCheck } from '../../../src/backend/wasm/selfCheck.js';
import { DeviceError } from '../../../src/errors.js';
import { createLinearMemory } from '../../../src/hardware/wasm/memory.js';
import { openPool, type ThreadPool } from '../../../src/hardware/wasm/pool.js';

it('passes on this engine, and says how to switch the packing off when one bit is wrong', async () => {
  const memory = createLinearMemory({ shared: false });
  const pool = await openPool(await compileKernels('single'), memory, 1, kernelGlobals());
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

it.skipIf(!(await relaxedAllowed()))('holds the relaxed build against the plain one, within rounding', async () => {
  const open = async (build: 'single' | 'relaxed') => {
    const memory = createLinearMemory({ shared: build === 'relaxed' });
    return { memory, pool: await openPool(await compileKernels(build), memory, 1, kernelGlobals()) };
  };
  const [relaxed, plain] = [await open('relaxed'), await open('single')];
  expect(selfCheck(relaxed, false)).toBeInstanceOf(DeviceError); // its bits are its own
  expect(relaxedCheck(relaxed, plain, true)).toBeUndefined();
  // One product of 300 is missing.
  const parallel: ThreadPool['parallel'] = (name, args, ...rest) => {
    if (name === 'gemmNN') new Float32Array(relaxed.memory.memory.buffer, args[0], 1)[0] = 0;
    relaxed.pool.parallel(name, args, ...rest);
  };
  const wrong = relaxedCheck({ ...relaxed, pool: { ...relaxed.pool, parallel } }, plain, true);
  expect(wrong?.message).toMatch(/^Self-check of gemmNN: the relaxed build is off by 0\.\d+ .* without relaxedSimd\.$/);
  expect(plain.memory.usedBytes - relaxed.memory.usedBytes).toBe(0);
});
