import { expect, it } from 'vitest';
import type { Device } from '../../src/backend/backend.js';
import {
  add,
  asRead,
  checkpointed,
  dropout,
  f32Weight,
  gelu,
  layerNorm,
  linear,
  sizeOf,
  Tape,
  Tensor,
  tidy,
} from '../../src/tensor/index.js';
import { createRandom } from '../../src/testing/random.js';
import { forEachBackend } from '../harness/backends.js';

const [tokens, width, inner, layers] = [64, 24, 96, 4] as const;

/** Residual blocks with dropout, and the gradients and memory of one training step. */
async function step(device: Device, { recompute, trained = true }: { recompute: boolean; trained?: boolean }) {
  const { normal } = createRandom(7);
  const made = (...shape: number[]) =>
    Tensor.from(
      device,
      Float32Array.from({ length: sizeOf(shape) }, () => 0.3 * normal()),
      shape,
    );
  const x = made(tokens, width);
  const parameters = Array.from({ length: layers }, () => [
    made(width),
    made(width),
    made(inner, width),
    made(width, inner),
  ]);
  x.requiresGrad = true;
  for (const parameter of parameters.flat()) parameter.requiresGrad = trained;
  const before = device.memory().liveBytes;
  let calls = 0;
  tidy(() => {
    const tape = new Tape();
    const y = tape.record(() =>
      parameters.reduce((input, [norm, bias, up, down], layer) => {
        const block = (h: Tensor) => {
          calls++;
          const expanded = gelu(linear(layerNorm(h, norm!, bias!), f32Weight(up!)));
          return add(h, dropout(linear(expanded, f32Weight(down!)), { probability: 0.3, seed: layer }));
        };
        return recompute ? checkpointed(input, block) : block(input);
      }, x),
    );
    tape.backward(y, Tensor.from(device, new Float32Array(tokens * width).fill(0.01), y.shape));
  });
  const gradients = [];
  for (const tensor of [x, ...parameters.flat()]) gradients.push(tensor.grad && (await tensor.grad.read()));
  const peak = device.memory().peakBytes - before;
  for (const tensor of [x, ...parameters.flat()]) tensor.dispose();
  return { gradients, peak, calls };
}

forEachBackend((backend) => {
  it('gives gradients of the same bits in less memory, dropout on, for one more pass through each block', async () => {
    // The peak is that of the device's whole life, so the run that needs less comes first.
    const again = await step(backend(), { recompute: true });
    const plain = await step(backend(), { recompute: false });
    expect(again.gradients).toEqual(plain.gradients);
    expect(plain.gradients.every((gradient) => gradient?.some((value) => value !== 0))).toBe(true);
    expect([again.calls, plain.calls]).toEqual([2 * layers, layers]);
    expect(again.peak).toBeLessThan(0.6 * plain.peak);
  });

  it('gives the input its gradient where the blocks are frozen, and none to them', async () => {
    const again = await step(backend(), { recompute: true, trained: false });
    const plain = await step(backend(), { recompute: false, trained: false });
    expect(again.gradients).toEqual(plain.gradients);
    expect(again.gradients.map((gradient) => gradient !== undefined)).toEqual([true, ...Array(4 * layers).fill(false)]);
  });

  it('gives gradients of the same bits to what several blocks read', async () => {
    const { normal } = createRandom(5);
    const made = (...shape: number[]) =>
      Tensor.from(
        backend(),
        Float32Array.from({ length: sizeOf(shape) }, () => normal()),
        shape,
      );
    const [x, leaf, dy] = [made(9, width), made(9, width), made(9, width)];
    const weights = Array.from({ length: 6 }, () => made(width, width));
    for (const tensor of [x, leaf, ...weights]) tensor.requiresGrad = true;
    const gradients = async (recompute: boolean) => {
      tidy(() => {
        const tape = new Tape();
        const y = tape.record(() => {
          const read = gelu(leaf);
          return [0, 2, 4].reduce((h, first) => {
            const [one, other] = [f32Weight(weights[first]!), f32Weight(weights[first + 1]!)];
            // Each block reads it twice.
            const block = (h: Tensor, seen: Tensor) =>
              add(h, gelu(add(linear(seen, one), add(linear(seen, other), h))));
            return recompute ? checkpointed(h, block, read) : block(h, asRead(read));
          }, x);
        });
        tape.backward(y, dy);
      });
      const all = [];
      for (const tensor of [x, leaf, ...weights]) {
        all.push(await tensor.grad!.read());
        tensor.grad!.dispose();
        tensor.grad = undefined;
      }
      return all;
    };
    const again = await gradients(true);
    expect(again).toEqual(await gradients(false));
    expect(again.every((gradient) => gradient.some((value) => value !== 0))).toBe(true);
    for (const tensor of [x, leaf, dy, ...weights]) tensor.dispose();
  });

  it('computes nothing again that has no gradient', () => {
    const device = backend();
    tidy(() => {
      const tape = new Tape();
      let calls = 0;
      const y = tape.record(() =>
        checkpointed(Tensor.zeros(device, [3]), (x) => {
          calls++;
          return gelu(x);
        }),
      );
      expect(tape.wants(y)).toBe(false);
      tape.backward();
      expect(calls).toBe(1);
    });
  });
});
