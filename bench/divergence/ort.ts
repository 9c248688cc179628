import type { Ort, Tensor } from 'onnxruntime-common';
import { summary } from '../frame/measure.ts';
import { type Node, onnxModel } from '../frame/onnx.ts';
import { openOrt } from '../frame/openOrt.ts';
import type { PeerSetting } from '../frame/peer.ts';
import { checkRowLosses, divergenceLogits, divergenceName, divergenceShapes, skewAlpha } from './shapes.ts';

/**
 * Skew KL and the gradient of the student's logits as a graph of onnxruntime's operators, which has no such loss and no
 * gradients: m = alpha p + (1 - alpha) q, loss = sum p log(p / m), g = -(1 - alpha) p / m, gradient = q (g - sum q g) / rows.
 * Not in log space, which would take it longer.
 */
export async function* divergenceOrt(ort: Ort, provider: 'cpu' | 'wasm', { threads, size }: PeerSetting) {
  const [rows, vocab] = divergenceShapes[size];
  const session = await openOrt(ort, provider, threads, skewKLModel(rows, vocab));
  const logits = divergenceLogits(size);
  const feeds = {
    teacher: new ort.Tensor('float32', logits.teacher, [rows, vocab]),
    student: new ort.Tensor('float32', logits.student, [rows, vocab]),
  };
  const values: number[] = [];
  for (let i = 0; i < 8; i++) {
    const before = performance.now();
    const { loss, gradient } = (await session.run(feeds)) as { loss: Tensor; gradient: Tensor };
    if (i >= 2) values.push(performance.now() - before);
    checkRowLosses(loss.data as Float32Array, logits);
    const total = (gradient.data as Float32Array).subarray(0, vocab).reduce((sum, value) => sum + value, 0);
    if (!(Math.abs(total) < 1e-4)) throw new Error(`the gradient of the first row sums to ${total}, not 0`);
  }
  yield summary({ case: divergenceName(size), unit: 'ms', values });
  await session.release();
}

function skewKLModel(rows: number, vocab: number): Uint8Array {
  const node = (op: string, inputs: readonly string[], output: string, integers: Node['integers'] = {}): Node => ({
    ...{ op, inputs, outputs: [output], integers },
  });
  const scalar = (name: string, value: number) => ({ name, data: Float32Array.of(value), shape: [] });
  const shape = [rows, vocab];
  return onnxModel({
    inputs: [
      { name: 'teacher', type: 'f32', shape },
      { name: 'student', type: 'f32', shape },
    ],
    outputs: [
      { name: 'loss', type: 'f32', shape: [rows, 1] },
      { name: 'gradient', type: 'f32', shape },
    ],
    initializers: [
      scalar('alpha', skewAlpha),
      scalar('rest', 1 - skewAlpha),
      scalar('slope', skewAlpha - 1),
      scalar('share', 1 / rows),
      { name: 'words', data: BigInt64Array.of(1n), shape: [1] },
    ],
    nodes: [
      node('Softmax', ['teacher'], 'p', { axis: 1 }),
      node('Softmax', ['student'], 'q', { axis: 1 }),
      node('Mul', ['p', 'alpha'], 'teacherPart'),
      node('Mul', ['q', 'rest'], 'studentPart'),
      node('Add', ['teacherPart', 'studentPart'], 'm'),
      node('Div', ['p', 'm'], 'ratio'),
      node('Log', ['ratio'], 'logRatio'),
      node('Mul', ['p', 'logRatio'], 'terms'),
      node('ReduceSum', ['terms', 'words'], 'loss'),
      node('Mul', ['ratio', 'slope'], 'g'),
      node('Mul', ['q', 'g'], 'weighted'),
      node('ReduceSum', ['weighted', 'words'], 'inner'),
      node('Sub', ['g', 'inner'], 'centred'),
      node('Mul', ['q', 'share'], 'qShare'),
      node('Mul', ['qShare', 'centred'], 'gradient'),
    ],
  });
}
