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
      const y = pass.layer(ones, index, (x, { drop }) => drop(place, x, 0.5));
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
