/** T5's attention, put together from ops, against Hugging Face transformers: test/oracles/make/t5Attention.py. */
import { readFileSync } from 'node:fs';
import { expect, it } from 'vitest';
import { attention, embedding, f32Weight, linear, Tape, Tensor, tidy } from '../../../src/tensor/index.js';
import { forEachBackend } from '../../harness/backends.js';

interface T5Case {
  readonly name: string;
  readonly causal: boolean;
  readonly ranges: readonly (readonly [number, number])[];
  /** Bucket of each relative position, from the last query's view of the first key on; none without a bias. */
  readonly buckets: readonly number[];
  readonly inputs: Readonly<
    Record<string, { readonly shape: number[]; readonly values: number[]; readonly gradient: number[] }>
  >;
  readonly output: number[];
  readonly dy: number[];
  readonly shape: number[];
}
const { numHeads, cases } = JSON.parse(
  readFileSync(new URL('../../oracles/t5Attention.json', import.meta.url), 'utf8'),
) as { numHeads: number; cases: T5Case[] };

/** Largest difference as a share of the largest value. */
function difference(got: ArrayLike<number>, want: readonly number[]): number {
  const largest = Math.max(...want.map(Math.abs));
  return Math.max(...want.map((value, i) => Math.abs(value - got[i]!))) / largest;
}

forEachBackend((backend) => {
  it.each(cases)('$name: output and every gradient', async ({ causal, ranges, buckets, inputs, output, dy, shape }) => {
    const device = backend();
    const tensors = new Map(
      Object.entries(inputs).map(([name, { shape, values }]) => {
        const tensor = Tensor.from(device, Float32Array.from(values), shape, name);
        tensor.requiresGrad = true;
        return [name, tensor];
      }),
    );
    const at = (name: string) => tensors.get(name)!;
    const y = tidy(() => {
      const keyRange = Tensor.from(device, Int32Array.from(ranges.flat()), [ranges.length, 2]);
      const tape = new Tape();
      const result = tape.record(() => {
        const [x, source] = [at('x'), tensors.get('source') ?? at('x')];
        const project = (name: string, of: Tensor) => linear(of, f32Weight(at(`${name}.weight`)));
        const biasAt = () => ({
          table: embedding(f32Weight(at('relative_attention_bias.weight')), Int32Array.from(buckets)),
          center: (buckets.length - 1) / 2,
        });
        const heads = attention(
          { q: project('q', x), k: project('k', source), v: project('v', source) },
          { numHeads, causal, keyRange, scale: 1, ...(buckets.length > 0 ? { bias: biasAt() } : {}) },
        );
        return project('o', heads);
      });
      tape.backward(result, Tensor.from(device, Float32Array.from(dy), shape, 'dy'));
      return result;
    });
    expect(difference(await y.read(), output)).toBeLessThan(1e-5);
    y.dispose();
    for (const [name, { gradient }] of Object.entries(inputs)) {
      expect(difference(await at(name).grad!.read(), gradient), `gradient of ${name}`).toBeLessThan(2e-5);
      at(name).dispose();
    }
  });
});
