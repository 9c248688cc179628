import { expect, it } from 'vitest';
import { startPass } from '../../src/models/pass.js';
import { Tensor, tidy } from '../../src/tensor/index.js';
import { openReference } from '../harness/referenceBackend.js';

const device = openReference({ precision: 'f32' });
const batch = { batch: 1, seq: 3, ids: new Int32Array(3), keyRange: Int32Array.of(0, 3) };

/** What survives of 64 ones in each of some places, drawn in the order given. */
function survivors(order: readonly (readonly [layer: number, place: 'attended' | 'mlp'])[], dropoutSeed = 1) {
  const masks = new Map<string, string>();
  tidy(() => {
    const pass = startPass(batch, { device, trained: false, dropoutSeed });
    for (const [index, place] of order) {
      const ones = Tensor.from(device, new Float32Array(64).fill(1), [64]);
      const y = pass.layer(ones, index, (x, { drop }) => drop(x, place, 0.5));
      masks.set(`${index} ${place}`, device.peek(y.storage).join());
    }
  });
  return masks;
}

it('names the masks of dropout by seed, layer and place: the order of calls is nothing to them', () => {
  const places = [
    [0, 'attended'],
    [0, 'mlp'],
    [1, 'attended'],
    [1, 'mlp'],
  ] as const;
  const masks = survivors(places);
  expect(new Set(masks.values()).size).toBe(4);
  const backwards = survivors(places.toReversed());
  for (const [name, mask] of masks) expect(backwards.get(name)).toBe(mask);
  expect(survivors(places.slice(3)).get('1 mlp')).toBe(masks.get('1 mlp'));
  for (const mask of survivors(places, 2).values()) expect([...masks.values()]).not.toContain(mask);
});

it('attention at two places of a layer drops different weights, and none without a seed', () => {
  const attended = (place: string, options: { dropoutSeed?: number }) =>
    tidy(() => {
      const pass = startPass(batch, { device, trained: false, ...options });
      const qkv = Tensor.from(
        device,
        Float32Array.from({ length: 3 * 24 }, (_, i) => Math.sin(i)),
        [1, 3, 24],
      );
      const dropout = { place, probability: 0.5 };
      const y = pass.layer(qkv, 0, (x, { attend }) => attend({ qkv: x }, { numHeads: 2, dropout }));
      return device.peek(y.storage).join();
    });
  const dropoutSeed = 3;
  expect(attended('self', { dropoutSeed })).not.toBe(attended('cross', { dropoutSeed }));
  expect(attended('self', { dropoutSeed })).toBe(attended('self', { dropoutSeed }));
  expect(attended('self', {})).toBe(attended('cross', {}));
});
