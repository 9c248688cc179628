import {
  blockUntilReady,
  defaultDevice,
  init,
  type Array as JaxArray,
  jit,
  nn,
  numpy as np,
  valueAndGrad,
} from '@jax-js/jax';
import { secondsPerCase } from '../benchmarks/benchmark.ts';
import { divergenceLogits, divergenceName, divergenceShapes, skewAlpha } from '../divergenceShapes.ts';
import { checkProduct, gemmShapes, nameOf, shrunk } from '../gemmShapes.ts';
import {
  CHECKED_ROWS,
  checkLoss,
  elements,
  linearDivergenceName,
  linearDivergenceShapes,
  operands,
} from '../linearDivergenceShapes.ts';
import { measure, noise } from '../measure.ts';
import type { PeerSetting } from './peer.ts';

// jax-js compiles kernels to WebAssembly; in Node it takes one thread, in a page as many as it likes. An array that is used again is passed as `.ref`.

export async function onWasm(): Promise<void> {
  await init('wasm');
  defaultDevice('wasm');
}

export async function* gemmJax({ size }: PeerSetting) {
  await onWasm();
  for (const full of gemmShapes) {
    const shape = shrunk(full, size);
    const { form, m, k, n } = shape;
    const [left, right] = [noise(m * k), noise(k * n, 2)];
    const a = np.array(left, { shape: form === 'TN' ? [k, m] : [m, k] });
    const b = np.array(right, { shape: form === 'NT' ? [n, k] : [k, n] });
    const product = jit((x: JaxArray, y: JaxArray) =>
      np.matmul(form === 'TN' ? np.transpose(x) : x, form === 'NT' ? np.transpose(y) : y),
    );
    const of = (seconds: number) => (2 * m * n * k) / seconds / 1e9;
    checkProduct(shape, left, right, await product(a.ref, b.ref).data());
    const call = async () => (await blockUntilReady(product(a.ref, b.ref))).dispose();
    yield measure({ case: nameOf(shape), unit: 'GFLOP/s', of, call, seconds: secondsPerCase[size] });
    for (const array of [a, b]) array.dispose();
  }
}

/** Sum over the rows of KL(p || alpha p + (1 - alpha) q), p teacher, q student; in log space, as with PyTorch. */
export function skewKL(teacher: JaxArray, student: JaxArray): JaxArray {
  const logP = nn.logSoftmax(teacher, -1);
  const logQ = nn.logSoftmax(student, -1);
  const mixture = np.logaddexp(logP.ref.add(Math.log(skewAlpha)), logQ.add(Math.log(1 - skewAlpha)));
  return np.sum(np.exp(logP.ref).mul(logP.sub(mixture)));
}

export async function* divergenceJax({ size }: PeerSetting) {
  await onWasm();
  const [rows, vocab] = divergenceShapes[size];
  const logits = divergenceLogits(size);
  const teacher = np.array(logits.teacher, { shape: [rows, vocab] });
  const student = np.array(logits.student, { shape: [rows, vocab] });
  const step = jit(valueAndGrad((q: JaxArray, p: JaxArray) => skewKL(p, q).mul(1 / rows)));
  const [loss, gradient] = step(student.ref, teacher.ref);
  const mean = (await loss.data())[0] as number;
  const total = (await gradient.data()).subarray(0, vocab).reduce((sum, value) => sum + value, 0);
  if (!(mean > 0.5 && mean < 20 && Math.abs(total) < 1e-4)) throw new Error(`loss ${mean}, gradient's sum ${total}`);
  const call = async () => {
    for (const array of await blockUntilReady(step(student.ref, teacher.ref))) array.dispose();
  };
  yield measure({ case: divergenceName(size), unit: 'ms', of: (seconds) => 1000 * seconds, call });
}

export async function* linearDivergenceJax({ size }: PeerSetting) {
  await onWasm();
  const shape = linearDivergenceShapes[size];
  const { tokens, vocab, studentWidth, teacherWidth } = shape;
  const { studentHidden, studentHead, teacherHidden, teacherHead } = operands(shape);
  const matrix = (source: typeof studentHidden, rows: number, cols: number) =>
    np.array(elements(source, rows * cols), { shape: [rows, cols] });
  const heads = [matrix(studentHead, vocab, studentWidth), matrix(teacherHead, vocab, teacherWidth)] as const;
  const step = jit(
    valueAndGrad(
      (hidden: JaxArray, head: JaxArray, otherHidden: JaxArray, otherHead: JaxArray) =>
        skewKL(np.matmul(otherHidden, np.transpose(otherHead)), np.matmul(hidden, np.transpose(head))),
      { argnums: [0, 1] },
    ),
  );
  const lossOf = async (student: JaxArray, teacher: JaxArray) => {
    const [loss, gradients] = step(student.ref, heads[0].ref, teacher.ref, heads[1].ref);
    for (const gradient of await blockUntilReady(gradients)) gradient.dispose();
    const [value] = await loss.data();
    return value as number;
  };
  const few = await lossOf(
    matrix(studentHidden, CHECKED_ROWS, studentWidth),
    matrix(teacherHidden, CHECKED_ROWS, teacherWidth),
  );
  checkLoss(few, shape, skewAlpha, 1e-3); // sums of 50,257 words are added one by one, in f32
  const student = matrix(studentHidden, tokens, studentWidth);
  const teacher = matrix(teacherHidden, tokens, teacherWidth);
  const call = async () => {
    await lossOf(student, teacher);
  };
  yield measure({ case: linearDivergenceName(shape), unit: 's', of: (seconds) => seconds, call, warmup: 1, calls: 3 });
}
