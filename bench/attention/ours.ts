import { run, Tensor } from 'distillm/tensor';
import { type Setting, secondsPerCase } from '../frame/benchmark.ts';
import { measure, noise } from '../frame/measure.ts';
import { attendOnce, attentionName, attentionShapes, forwardOperations, headDim } from './shapes.ts';

/** Causal, as in GPT-2; and T5's form, where every position sees every other, with a bias. */
interface AttentionCase {
  readonly name: string;
  readonly queries: number;
  readonly causal: 0 | 1;
  readonly biased: 0 | 1;
  readonly backward: boolean;
}

export async function* attention({ device, size }: Setting) {
  const { batch, heads, seq } = attentionShapes[size];
  const cases: readonly AttentionCase[] = [
    { name: 'causal, forward', queries: seq, causal: 1, biased: 0, backward: false },
    { name: 'causal, forward and backward', queries: seq, causal: 1, biased: 0, backward: true },
    { name: 'position bias, forward and backward', queries: seq, causal: 0, biased: 1, backward: true },
    { name: 'decode, one query', queries: 1, causal: 1, biased: 0, backward: false },
  ];
  for (const { name, queries, causal, biased, backward } of cases) {
    const values = [queries, seq, seq, queries].map((length, i) => noise(batch * heads * length * headDim, i + 1));
    const [q, k, v, dy] = values.map((data) =>
      Tensor.from(device, data, [batch, heads, data.length / (batch * heads * headDim), headDim]),
    ) as [Tensor, Tensor, Tensor, Tensor];
    const offsets = biased ? 2 * seq - 1 : 1;
    const bias = Tensor.from(device, noise((biased ? heads : 1) * offsets, 5), [biased ? heads : 1, offsets]);
    const ranges = Int32Array.from({ length: 2 * batch }, (_, i) => (i % 2) * seq);
    const keyRange = Tensor.from(device, ranges, [batch, 2]);
    const inputs = { q, k, v, bias, keyRange };
    const params = {
      ...{ scale: 1 / Math.sqrt(headDim), causal, past: seq - queries, span: 0, biased, origin: biased ? seq - 1 : 0 },
      ...{ seed: 0, threshold: 0, keepScale: 1 },
    };
    const call = async () => {
      const { y, stats } = run(device, 'attention', inputs, params);
      const made = [y, stats];
      if (backward) {
        run(device, 'attentionDelta', { y, dy, stats }, {});
        const given = { ...inputs, dy, stats };
        made.push(run(device, 'attentionBackwardQuery', given, params).dq);
        made.push(run(device, 'attentionBackwardKeyValue', given, params).dkv);
        if (biased) made.push(run(device, 'attentionBackwardBias', given, params).dbias);
      }
      await device.finish();
      return made;
    };
    const outputs = await call();
    if (!biased) check(values, batch * heads - 1, (await (outputs[0] as Tensor).read()) as Float32Array);
    const again = async () => {
      for (const tensor of await call()) tensor.dispose();
    };
    // Two products forward, five backward.
    const flops = (backward ? 3.5 : 1) * forwardOperations(size, queries, causal === 1);
    const of = (seconds: number) => flops / seconds / 1e9;
    const seconds = secondsPerCase[size];
    yield measure({ case: attentionName(size, name), unit: 'GFLOP/s', of, call: again, seconds });
    for (const tensor of [...outputs, q, k, v, dy, bias, keyRange]) tensor.dispose();
  }
}

/** Compares the last query of the last head, which sees every key, with float64. */
function check([q, k, v]: readonly Float32Array[], head: number, y: Float32Array): void {
  const [query, keys, values] = [q, k, v].map((x = y) => x.subarray((head * x.length) / (head + 1))) as [
    Float32Array,
    Float32Array,
    Float32Array,
  ];
  const want = attendOnce(query.subarray(-headDim), keys, values, headDim, keys.length / headDim);
  const got = y[y.length - headDim] as number;
  if (!(Math.abs(want - got) <= 1e-5)) throw new Error(`y is ${got}, not ${want}`);
}
