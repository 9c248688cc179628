import { logSoftmax } from '../softmax.js';
import { expected, type Reference } from '../types.js';
import { IGNORED } from './crossEntropy.js';

export const compareRows: Reference<'compareRows'> = ({ rows, vocab }, { teacher, student, labels }) => {
  const [teacherEntropy, studentEntropy, agreement] = [expected(rows), expected(rows), expected(rows)];
  for (let r = 0; r < rows; r++) {
    if (labels[r] === IGNORED) continue;
    const likeliest = ([teacher, student] as const).map((logits, i) => {
      const row = logits.subarray(r * vocab, (r + 1) * vocab);
      const { log, slack } = logSoftmax(row);
      const into = [teacherEntropy, studentEntropy][i]!;
      log.forEach((l, j) => {
        const p = Math.exp(l);
        if (p === 0) return;
        into.value[r]! -= p * l;
        into.scale[r]! += p * (Math.abs(l) + 1) * (1 + slack[j]!);
      });
      return row.indexOf(row.reduce((a, b) => Math.max(a, b)));
    });
    agreement.value[r] = likeliest[0] === likeliest[1] ? 1 : 0;
  }
  return { teacherEntropy, studentEntropy, agreement };
};

export const overlap: Reference<'overlap'> = ({ rows, k }, { a, b, labels }) => {
  const share = expected(rows);
  for (let r = 0; r < rows; r++) {
    if (labels[r] === IGNORED) continue;
    const ids = new Set(a.subarray(r * k, (r + 1) * k));
    share.value[r] = [...b.subarray(r * k, (r + 1) * k)].filter((id) => ids.has(id)).length / k;
    share.scale[r] = 1;
  }
  return { share };
};
