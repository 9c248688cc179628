import type { Ort, Tensor } from 'onnxruntime-common';
import { secondsPerCase } from '../frame/benchmark.ts';
import { measure, noise } from '../frame/measure.ts';
import { onnxModel } from '../frame/onnx.ts';
import { openOrt } from '../frame/openOrt.ts';
import type { PeerSetting } from '../frame/peer.ts';
import { attendOnce, attentionName, attentionShapes, forwardOperations, headDim } from './shapes.ts';

/** onnxruntime's fused MultiHeadAttention, native ('cpu') or in WebAssembly. It has no backward pass. */
export async function* attentionOrt(ort: Ort, provider: 'cpu' | 'wasm', { threads, size }: PeerSetting) {
  const { batch, heads, seq } = attentionShapes[size];
  const width = heads * headDim;
  for (const [name, queries, causal] of [
    ['causal, forward', seq, true],
    ['decode, one query', 1, false], // the newest position sees all
  ] as const) {
    const model = onnxModel({
      inputs: ['q', 'k', 'v'].map((input) => ({
        name: input,
        type: 'f32',
        shape: [batch, input === 'q' ? queries : seq, width],
      })),
      outputs: [{ name: 'y', type: 'f32', shape: [batch, queries, width] }],
      nodes: [
        {
          op: 'MultiHeadAttention',
          domain: 'com.microsoft',
          inputs: ['q', 'k', 'v'],
          outputs: ['y'],
          integers: { num_heads: heads, ...(causal ? { unidirectional: 1 } : {}) },
        },
      ],
    });
    const session = await openOrt(ort, provider, threads, model);
    const [q, k, v] = [queries, seq, seq].map((length, i) => noise(batch * length * width, i + 1)) as [
      Float32Array,
      Float32Array,
      Float32Array,
    ];
    const tensor = (data: Float32Array) => new ort.Tensor('float32', data, [batch, data.length / batch / width, width]);
    const feeds = { q: tensor(q), k: tensor(k), v: tensor(v) };
    // The last query of the last head.
    const last = batch * seq * width - (seq - 1) * width - headDim;
    const { y } = (await session.run(feeds)) as { y: Tensor };
    const found = y.data as Float32Array;
    const got = found[batch * queries * width - headDim] as number;
    const want = attendOnce(q.subarray(-headDim), k.subarray(last), v.subarray(last), width, seq);
    if (!(Math.abs(want - got) < 1e-4)) throw new Error(`y is ${got}, not ${want}`);
    if (causal && found[0] !== v[0]) throw new Error(`the first query sees more than itself: ${found[0]}, not ${v[0]}`);
    const flops = forwardOperations(size, queries, causal);
    yield measure({
      case: attentionName(size, name),
      unit: 'GFLOP/s',
      of: (seconds) => flops / seconds / 1e9,
      call: async () => {
        await session.run(feeds);
      },
      seconds: secondsPerCase[size],
    });
    await session.release();
  }
}
