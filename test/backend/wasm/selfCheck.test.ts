import { expect, it } from 'vitest';
import { compileKernels, kernelGlobals } from '../../../src/backend/wasm/compile.js';
import type { OpenThreads } from '../../../src/backend/wasm/createDevice.js';
import type { WasmArithmetic } from '../../../src/backend/wasm/kernelFiles.js';
import { selfCheck } from '../../../src/backend/wasm/selfCheck.js';
import { DeviceError } from '../../../src/errors.js';
import { createLinearMemory } from '../../../src/hardware/wasm/memory.js';
import { openPool } from '../../../src/hardware/wasm/pool.js';
import { arithmetics } from '../../harness/arithmetics.js';

/** The second thread does nothing: all calls of the check are small. */
async function open(arithmetic: WasmArithmetic, threads = 1): Promise<OpenThreads> {
  const shared = threads > 1;
  const memory = createLinearMemory({ shared });
  return {
    memory,
    pool: await openPool(await compileKernels({ arithmetic, shared }), memory, threads, kernelGlobals()),
  };
}

/** Threads that run `change` after each call of a kernel. */
function spoilt(
  { memory, pool }: OpenThreads,
  change: (name: string, words: Uint32Array, args: readonly number[]) => void,
): OpenThreads {
  const parallel: typeof pool.parallel = (name, args, ...rest) => {
    pool.parallel(name, args, ...rest);
    change(name, new Uint32Array(memory.memory.buffer), args);
  };
  return { memory, pool: { ...pool, parallel } };
}

const fuses = arithmetics.includes('fused');

it.each(arithmetics)('passes on this engine, %s, and says what is wrong when one bit is', async (arithmetic) => {
  for (const threads of [1, 2]) {
    const device = await open(arithmetic, threads);
    expect(selfCheck(device, { arithmetic, revectorized: true })).toBeUndefined();
    // The last bit of layerNorm's first output, y = args[3].
    const wrong = spoilt(device, (name, words, args) => {
      if (name === 'layerNorm') words[args[3]! / 4]! ^= 1;
    });
    const packed = selfCheck(wrong, { arithmetic, revectorized: true });
    expect(packed).toBeInstanceOf(DeviceError);
    expect(packed?.message).toMatch(
      new RegExp(`^Self-check of layerNorm, ${arithmetic} .*start without --experimental-wasm-revectorize`),
    );
    expect(selfCheck(wrong, { arithmetic, revectorized: false })?.message).toMatch(/use a WebGPU device/);
    await device.pool.dispose();
  }
});

it('takes neither arithmetic for the other', async () => {
  const plain = await open('plain');
  expect(selfCheck(plain, { arithmetic: 'fused', revectorized: false })?.message).toBe(
    'Multiply-add rounds twice on this processor.',
  );
  if (!fuses) return;
  const fused = await open('fused');
  expect(selfCheck(fused, { arithmetic: 'plain', revectorized: false })?.message).toMatch(/^Self-check of gemmNN/);
});

it.skipIf(!fuses)('finds a multiply-add that rounds twice in one lane, or once it is optimised', async () => {
  const device = await open('fused');
  const twice = (change: (words: Uint32Array, y: number, call: number) => void) => {
    let calls = 0;
    const wrong = spoilt(device, (name, words, args) => {
      if (name === 'addInto') change(words, args[1]! / 4, calls++);
    });
    return selfCheck(wrong, { arithmetic: 'fused', revectorized: false })?.message;
  };
  const message = 'Multiply-add rounds twice on this processor.';
  expect(twice(() => {})).toBeUndefined();
  for (const lane of [0, 7, 1020, 1022]) {
    expect(
      twice((words, y) => {
        words[y + lane] = 0;
      }),
    ).toBe(message);
  }
  expect(
    twice((words, y, call) => {
      if (call > 20) words.fill(0, y, y + 1023);
    }),
  ).toBe(message);
});
