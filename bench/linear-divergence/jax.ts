import { blockUntilReady, type Array as JaxArray, jit, numpy as np, valueAndGrad } from '@jax-js/jax';
import { skewKL } from '../divergence/jax.ts';
import { skewAlpha } from '../divergence/shapes.ts';
import { onWasm } from '../frame/jax.ts';
import { measure } from '../frame/measure.ts';
import type { PeerSetting } from '../frame/peer.ts';
import { CHECKED_ROWS, checkLoss, elements, linearDivergenceName, linearDivergenceShapes, operands } from './shapes.ts';

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
