import { blockUntilReady, type Array as JaxArray, jit, nn, numpy as np, tree, valueAndGrad } from '@jax-js/jax';
import { skewKL } from '../divergence/jax.ts';
import { onWasm } from '../frame/jax.ts';
import { noise, summary, tokenAt } from '../frame/measure.ts';
import type { PeerSetting } from '../frame/peer.ts';
import { headsOf, trainingShapes } from './shapes.ts';

type Layer = { w: JaxArray; b: JaxArray };
type Block = Record<'ln1' | 'ln2' | 'qkv' | 'projection' | 'expand' | 'contract', Layer>;
type Weights = { wte: JaxArray; wpe: JaxArray; norm: Layer; blocks: Block[] };

const [warmup, timed] = [2, 5];
const [lr, weightDecay, beta1, beta2, maxNorm] = [5e-4, 1e-2, 0.9, 0.999, 1];

/** The step of ours.ts in jax-js: GPT-2, skew KL, clipping, AdamW; its own gradients, each part jitted. */
export async function* trainingStepJax({ size }: PeerSetting) {
  await onWasm();
  const {
    batchSize,
    length,
    vocab,
    shrink,
    positions,
    teacher: teacherShape,
    student: studentShape,
  } = trainingShapes[size];
  const logits = (weights: Weights, ids: JaxArray, heads: number) =>
    forward(weights, ids, { batchSize, length, heads });

  const teach = jit((weights: Weights, ids: JaxArray) => logits(weights, ids, headsOf(teacherShape)));
  const differentiate = jit(
    valueAndGrad((weights: Weights, teacher: JaxArray, ids: JaxArray) =>
      skewKL(teacher, logits(weights, ids, headsOf(studentShape))).mul(1 / (batchSize * length)),
    ),
  );
  const teacher = createWeights(teacherShape, shrink, vocab, positions);
  let student = createWeights(studentShape, shrink, vocab, positions);
  const structure = tree.structure(student);
  const zeros = () => tree.leaves(student).map((weight) => np.zerosLike(weight.ref));
  let [m, v] = [zeros(), zeros()];
  const ids = np.array(
    Int32Array.from({ length: batchSize * length }, (_, i) => tokenAt(Math.floor(i / length), i % length, vocab)),
    { shape: [batchSize * length], dtype: np.int32 },
  );

  const [values, losses]: [number[], number[]] = [[], []];
  for (let step = 1; step <= warmup + timed; step++) {
    const before = performance.now();
    const [loss, gradients] = differentiate(tree.ref(student), teach(tree.ref(teacher), ids.ref), ids.ref);
    const corrections = [1 / (1 - beta1 ** step), 1 / (1 - beta2 ** step)].map((value) => np.array(value));
    const updated = adamW(tree.leaves(student), tree.leaves(gradients), m, v, ...(corrections as [JaxArray, JaxArray]));
    student = tree.unflatten(structure, updated.weights);
    ({ m, v } = updated);
    losses.push((await loss.data())[0] as number);
    await blockUntilReady(updated.weights);
    if (step > warmup) values.push((1000 * batchSize * length) / (performance.now() - before));
  }
  if (!((losses.at(-1) as number) < (losses[0] as number))) throw new Error(`losses: ${losses.join(', ')}`);
  yield summary({ case: 'training step', unit: 'tokens/s', values });
}

function createWeights(
  { layers, width: whole }: { readonly layers: number; readonly width: number },
  shrink: number,
  vocab: number,
  positions: number,
): Weights {
  const width = whole / shrink;
  let seed = 1;
  // Uniform, with GPT-2's standard deviation of 0.02.
  const matrix = (rows: number, cols: number) =>
    np.array(
      noise(rows * cols, seed++).map((value) => 0.02 * Math.sqrt(3) * value),
      { shape: [rows, cols] },
    );
  const filled = (size: number, value: number) => np.array(new Float32Array(size).fill(value), { shape: [size] });
  const norm = () => ({ w: filled(width, 1), b: filled(width, 0) });
  const linear = (inputs: number, outputs: number) => ({ w: matrix(inputs, outputs), b: filled(outputs, 0) });
  return {
    wte: matrix(vocab, width),
    wpe: matrix(positions, width),
    norm: norm(),
    blocks: Array.from({ length: layers }, () => ({
      ln1: norm(),
      ln2: norm(),
      qkv: linear(width, 3 * width),
      projection: linear(width, width),
      expand: linear(width, 4 * width),
      contract: linear(4 * width, width),
    })),
  };
}

/** ids [batch * length] -> logits [batch * length, vocab] */
function forward(
  { wte, wpe, norm, blocks }: Weights,
  ids: JaxArray,
  { batchSize, length, heads }: { readonly batchSize: number; readonly length: number; readonly heads: number },
): JaxArray {
  const width = wte.shape[1] as number;
  const normalise = (x: JaxArray, { w, b }: Layer) => nn.standardize(x).mul(w).add(b);
  const linear = (x: JaxArray, { w, b }: Layer) => np.matmul(x, w).add(b);
  let x = np.take(wte.ref, ids, 0).add(np.tile(wpe.slice([0, length]), [batchSize, 1]));
  for (const { ln1, ln2, qkv, projection, expand, contract } of blocks) {
    const [q, k, v] = np
      .split(linear(normalise(x.ref, ln1), qkv), 3, 1)
      .map((part) => part.reshape([batchSize, length, heads, width / heads])) as [JaxArray, JaxArray, JaxArray];
    const attended = nn.dotProductAttention(q, k, v, { isCausal: true }).reshape([batchSize * length, width]);
    x = x.add(linear(attended, projection));
    const expanded = nn.gelu(linear(normalise(x.ref, ln2), expand), { approximate: true });
    x = x.add(linear(expanded, contract));
  }
  return np.matmul(normalise(x, norm), np.transpose(wte));
}

/** One step, gradients clipped to a norm of 1. */
const adamW = jit(
  (
    weights: JaxArray[],
    gradients: JaxArray[],
    m: JaxArray[],
    v: JaxArray[],
    correction1: JaxArray,
    correction2: JaxArray,
  ) => {
    const squares = gradients.map((gradient) => np.sum(np.square(gradient.ref))).reduce((sum, one) => sum.add(one));
    const scale = np.minimum(np.array(1), np.reciprocal(np.sqrt(squares).add(1e-6)).mul(maxNorm));
    const result: Record<'weights' | 'm' | 'v', JaxArray[]> = { weights: [], m: [], v: [] };
    for (const [i, weight] of weights.entries()) {
      const gradient = (gradients[i] as JaxArray).mul(scale.ref);
      const first = (m[i] as JaxArray).mul(beta1).add(gradient.ref.mul(1 - beta1));
      const second = (v[i] as JaxArray).mul(beta2).add(np.square(gradient).mul(1 - beta2));
      const size = np.sqrt(second.ref.mul(correction2.ref)).add(1e-8);
      const change = first.ref.mul(correction1.ref).div(size);
      result.weights.push(weight.mul(1 - lr * weightDecay).sub(change.mul(lr)));
      result.m.push(first);
      result.v.push(second);
    }
    return result;
  },
);
