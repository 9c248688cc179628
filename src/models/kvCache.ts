/** Keys and values of sequences under way: what attention has computed of their earlier positions. */
import type { Device } from '../backend/backend.js';
import { type LayerCache, Tensor } from '../tensor/index.js';

export interface KVCache {
  readonly layers: readonly LayerCache[];
  /** Positions that fit. */
  readonly capacity: number;
  /** Positions filled so far. */
  past: number;
  /** A cache of some of the rows, in the order of `rows`. @throws LimitError when it does not fit the device */
  select(rows: readonly number[]): KVCache;
  dispose(): void;
}

/** Sizes of a cache. */
export interface CacheShape {
  readonly batch: number;
  readonly capacity: number;
  readonly numLayers: number;
  readonly numKvHeads: number;
  readonly headDim: number;
}

/** An empty cache. @throws LimitError when it does not fit the device */
export function createKVCache(device: Device, shape: CacheShape): KVCache {
  const { batch, capacity, numLayers, numKvHeads, headDim } = shape;
  const made: Tensor[] = [];
  const heads = (label: string) => {
    const tensor = Tensor.zeros(device, [batch, numKvHeads, capacity, headDim], 'f32', label);
    made.push(tensor);
    return tensor;
  };
  const dispose = () => {
    for (const tensor of made) tensor.dispose();
  };
  const layers: LayerCache[] = [];
  try {
    for (let layer = 0; layer < numLayers; layer++) {
      layers.push({ keys: heads(`cache.${layer}.keys`), values: heads(`cache.${layer}.values`) });
    }
  } catch (error) {
    dispose();
    throw error;
  }
  const cache: KVCache = {
    layers,
    capacity,
    past: 0,
    select(rows) {
      const selected = createKVCache(device, { ...shape, batch: rows.length });
      selected.past = cache.past;
      const rowBytes = 4 * numKvHeads * capacity * headDim;
      layers.forEach((from, layer) => {
        const to = selected.layers[layer] as LayerCache;
        rows.forEach((row, i) => {
          device.copy(from.keys.storage, row * rowBytes, to.keys.storage, i * rowBytes, rowBytes);
          device.copy(from.values.storage, row * rowBytes, to.values.storage, i * rowBytes, rowBytes);
        });
      });
      return selected;
    },
    dispose,
  };
  return cache;
}
