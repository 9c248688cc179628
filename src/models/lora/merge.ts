/** Adapters into weights: W + scale up down, as PEFT merges. The product is the device's, and the sum f32. */
import type { Device } from '../../backend/backend.js';
import { asF32, gemm, Tensor, tidy, transpose, type Values, type WeightLayout } from '../../tensor/index.js';
import type { LanguageModel } from '../model.js';
import { downName, upName } from './adapted.js';
import { type PeftConfig, readPeftConfig, scaleOf } from './peftConfig.js';

/** An adapter of one weight, on the host. */
export interface Increment {
  readonly rank: number;
  /** [rank, inputs] */
  readonly down: Float32Array;
  /** [outputs, rank] */
  readonly up: Float32Array;
  readonly scale: number;
  /** Of the weight. */
  readonly layout: WeightLayout;
}

/** The values with an adapter merged into them. @param read gives it, when the values are asked for */
export function mergedValues(device: Device, base: Values, read: () => Promise<Increment>): Values {
  const all = async () => addIncrement(device, asF32(await base.all()), await read());
  return {
    all,
    async *pieces() {
      yield await all();
    },
  };
}

/** values + scale up down, in the weight's layout. */
export async function addIncrement(
  device: Device,
  values: Float32Array,
  { rank, down, up, scale, layout }: Increment,
): Promise<Float32Array> {
  const [inputs, outputs] = [down.length / rank, up.length / rank];
  const scaled = up.map((value) => value * scale);
  const product = tidy(() => {
    const matrix = (data: Float32Array, rows: number) =>
      Tensor.from(device, data, [rows, data.length / rows], 'adapter');
    const [left, right] =
      layout === 'outIn'
        ? [matrix(scaled, outputs), matrix(down, rank)]
        : [matrix(transpose(down, rank, inputs), inputs), matrix(transpose(scaled, outputs, rank), rank)];
    const c = Tensor.empty(device, [left.shape[0] as number, right.shape[1] as number], 'f32', 'adapter.merged');
    gemm('gemmNN', left, right, c);
    return c;
  });
  try {
    const increment = (await product.read()) as Float32Array;
    return values.map((value, i) => value + (increment[i] as number));
  } finally {
    product.dispose();
  }
}

/** What the fields of adapters say: their expressions are read once, and not for each parameter. */
const configs = new WeakMap<object, PeftConfig>();

/** The values of a parameter of a model, with what its adapter adds to it. */
export async function withAdapterMerged(
  { device, parameters, adapter }: LanguageModel,
  name: string,
  { values, layout }: { readonly values: Float32Array; readonly layout: WeightLayout },
): Promise<Float32Array> {
  const part = name.replace(/\.weight$/, '');
  const [down, up] = [parameters.get(`${part}.${downName}`), parameters.get(`${part}.${upName}`)];
  if (!adapter || !down || !up) return values;
  const [rank = 1] = down.shape;
  const config = configs.get(adapter.config) ?? readPeftConfig(adapter.config, 'the adapter');
  configs.set(adapter.config, config);
  const scale = scaleOf(config, part);
  const [downs, ups] = [(await down.read()) as Float32Array, (await up.read()) as Float32Array];
  return addIncrement(device, values, { rank, scale, layout, down: downs, up: ups });
}
