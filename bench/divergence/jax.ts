import { blockUntilReady, type Array as JaxArray, jit, nn, numpy as np, valueAndGrad } from '@jax-js/jax';
import { onWasm } from '../frame/jax.ts';
import { measure } from '../frame/measure.ts';
import type { PeerSetting } from '../frame/peer.ts';
import { divergenceLogits, divergenceName, divergenceShapes, skewAlpha } from './shapes.ts';

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
