import type { InferenceSession, Ort, Tensor } from 'onnxruntime-common';
import { openOrt } from '../frame/openOrt.ts';
import type { PeerSetting } from '../frame/peer.ts';
import { type Decode, type DecodeCase, decodeCases, timeDecoding } from './cases.ts';
import { gpt2Model } from './gpt2Onnx.ts';

/** GPT-2 decoded by onnxruntime, native ('cpu') or in WebAssembly. Greedy, or drawn in plain JavaScript. */
export async function* decodeOrt(ort: Ort, provider: 'cpu' | 'wasm', { threads, size }: PeerSetting) {
  for (const one of decodeCases[size]) {
    if (one.dtype !== undefined) continue;
    const session = await openOrt(ort, provider, threads, gpt2Model(one.model));
    yield* timeDecoding({ ...one, vocab: one.model.vocab_size }, decoder(ort, session, one.model));
    await session.release();
  }
}

function decoder(ort: Ort, session: InferenceSession, shape: DecodeCase['model']): Decode {
  const { vocab_size: vocab, n_layer, n_head, n_embd } = shape;
  return async ({ prompts, newTokens, temperature }) => {
    const batch = prompts.length;
    const answers = prompts.map((): number[] => []);
    let ids = BigInt64Array.from(prompts.flatMap((prompt) => [...prompt].map(BigInt)));
    let past = 0;
    const cache: Record<string, Tensor> = {};
    for (let layer = 0; layer < n_layer; layer++) {
      for (const part of ['key', 'value']) {
        const empty = new ort.Tensor('float32', new Float32Array(0), [batch, n_head, 0, n_embd / n_head]);
        cache[`past.${layer}.${part}`] = empty;
      }
    }
    for (let step = 0; step < newTokens; step++) {
      const seq = ids.length / batch;
      const total = past + seq;
      const positions = BigInt64Array.from(ids, (_, i) => BigInt(past + (i % seq)));
      const output = await session.run({
        ...cache,
        ids: new ort.Tensor('int64', ids, [batch, seq]),
        positions: new ort.Tensor('int64', positions, [batch, seq]),
        lastKey: new ort.Tensor('int32', new Int32Array(batch).fill(total - 1), [batch]),
        total: new ort.Tensor('int32', Int32Array.of(total), [1]),
      });
      const { logits, ...present } = output as Record<string, Tensor>;
      for (const [name, tensor] of Object.entries(present)) cache[name.replace('present', 'past')] = tensor;
      past = total;
      const rows = logits?.data as Float32Array;
      answers.forEach((answer, row) => {
        answer.push(draw(rows.subarray(row * vocab, (row + 1) * vocab), temperature));
      });
      ids = BigInt64Array.from(answers, (answer) => BigInt(answer.at(-1) as number));
    }
    return answers;
  };
}

/** The likeliest token, or one drawn by softmax. */
function draw(logits: Float32Array, temperature: 0 | 1): number {
  let best = 0;
  for (let id = 1; id < logits.length; id++) if ((logits[id] as number) > (logits[best] as number)) best = id;
  if (temperature === 0) return best;
  const top = logits[best] as number;
  const weights = new Float32Array(logits.length);
  let sum = 0;
  for (let id = 0; id < logits.length; id++) {
    weights[id] = Math.exp((logits[id] as number) - top);
    sum += weights[id] as number;
  }
  let rest = Math.random() * sum;
  const id = weights.findIndex((weight) => {
    rest -= weight;
    return rest <= 0;
  });
  return id < 0 ? best : id;
}
