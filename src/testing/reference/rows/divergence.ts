import { divergenceKinds } from '../../../backend/kernels/index.js';
import { type LogProbabilities, logSoftmax } from '../softmax.js';
import { expected, exponentialSize, type Reference, Sum } from '../types.js';
import { IGNORED } from './crossEntropy.js';

/** log(a x + b y) from log x and log y; an absent part (weight 0) takes no part, however small it is. */
function logMixture(a: number, x: LogProbabilities, b: number, y: LogProbabilities): LogProbabilities {
  if (a === 0) return y;
  if (b === 0) return x;
  const log = new Float64Array(x.log.length);
  const slack = new Float64Array(x.log.length);
  for (let j = 0; j < log.length; j++) {
    const u = Math.log(a) + x.log[j]!;
    const v = Math.log(b) + y.log[j]!;
    const top = Math.max(u, v);
    log[j] = top + Math.log(Math.exp(u - top) + Math.exp(v - top));
    const share = Math.exp(u - log[j]!);
    slack[j] = 1 + Math.abs(log[j]!) + share * x.slack[j]! + (1 - share) * y.slack[j]!;
  }
  return { log, slack };
}

/**
 * What a divergence contributes: `loss`, and per word h = q g, where dloss/dz_j = q_j (g_j - sum_i q_i g_i). h is
 * finite where g itself (p / q, say) would overflow.
 */
interface Contribution {
  readonly loss: Sum;
  readonly h: readonly Sum[];
}

/** factor * KL(a, b): adds to the loss the terms a_j (log a_j - log b_j). */
function addKL(loss: Sum, factor: number, a: LogProbabilities, b: LogProbabilities): void {
  for (let j = 0; j < a.log.length; j++) addLogRatio(loss, factor, a, b, j);
}
/** factor * a_j (log a_j - log b_j) */
function addLogRatio(sum: Sum, factor: number, a: LogProbabilities, b: LogProbabilities, j: number): void {
  const ratio = a.log[j]! - b.log[j]!;
  const size = a.slack[j]! + b.slack[j]! + Math.abs(ratio) * (1 + a.slack[j]!);
  const aj = Math.exp(a.log[j]!);
  sum.add(factor * aj * ratio, Math.abs(factor) * exponentialSize(aj) * size);
}
/** factor * exp(log), `slack` being the size of the error of `log`. */
function addExp(sum: Sum, factor: number, log: number, slack: number): void {
  if (factor === 0) return;
  sum.add(factor * Math.exp(log), Math.abs(factor) * exponentialSize(Math.exp(log)) * (1 + slack));
}

type Divergence = (p: LogProbabilities, q: LogProbabilities, weight: number, { loss, h }: Contribution) => void;

const forwardKL: Divergence = (p, q, _, { loss, h }) => {
  addKL(loss, 1, p, q);
  h.forEach((sum, j) => {
    addExp(sum, -1, p.log[j]!, p.slack[j]!);
  });
};
const reverseKL: Divergence = (p, q, _, { loss, h }) => {
  addKL(loss, 1, q, p);
  h.forEach((sum, j) => {
    addLogRatio(sum, 1, q, p, j);
  });
};

const divergences: readonly Divergence[] = (() => {
  const table: Record<keyof typeof divergenceKinds, Divergence> = {
    forwardKL,
    reverseKL,
    // (1 - w) KL(p, q) + w KL(q, p)
    symmetricKL: (p, q, w, { loss, h }) => {
      addKL(loss, 1 - w, p, q);
      addKL(loss, w, q, p);
      h.forEach((sum, j) => {
        addExp(sum, -(1 - w), p.log[j]!, p.slack[j]!);
        addLogRatio(sum, w, q, p, j);
      });
    },
    // w KL(q, m) + (1 - w) KL(p, m), m = (1 - w) p + w q
    jensenShannon: (p, q, w, { loss, h }) => {
      const m = logMixture(1 - w, p, w, q);
      addKL(loss, w, q, m);
      addKL(loss, 1 - w, p, m);
      h.forEach((sum, j) => {
        addLogRatio(sum, w, q, m, j);
      });
    },
    // 0.5 sum |p - q|; the gradient's sign is 0 where p = q
    totalVariation: (p, q, _, { loss, h }) => {
      h.forEach((sum, j) => {
        const [pj, qj] = [Math.exp(p.log[j]!), Math.exp(q.log[j]!)];
        loss.add(0.5 * Math.abs(pj - qj), 0.5 * (pj * (1 + p.slack[j]!) + qj * (1 + q.slack[j]!)));
        addExp(sum, 0.5 * Math.sign(q.log[j]! - p.log[j]!), q.log[j]!, q.slack[j]!);
      });
    },
    // KL(p, m), m = alpha p + (1 - alpha) q; h = -(1 - alpha) p q / m
    skewKL: (p, q, alpha, { loss, h }) => {
      const m = logMixture(alpha, p, 1 - alpha, q);
      addKL(loss, 1, p, m);
      h.forEach((sum, j) => {
        const slack = p.slack[j]! + q.slack[j]! + m.slack[j]!;
        addExp(sum, -(1 - alpha), p.log[j]! + q.log[j]! - m.log[j]!, slack);
      });
    },
    // KL(q, m), m = (1 - alpha) p + alpha q; h = q log(q / m) - alpha q^2 / m
    skewReverseKL: (p, q, alpha, { loss, h }) => {
      const m = logMixture(1 - alpha, p, alpha, q);
      addKL(loss, 1, q, m);
      h.forEach((sum, j) => {
        addLogRatio(sum, 1, q, m, j);
        addExp(sum, -alpha, 2 * q.log[j]! - m.log[j]!, 2 * q.slack[j]! + m.slack[j]!);
      });
    },
  };
  const byNumber: Divergence[] = [];
  for (const [name, kind] of Object.entries(divergenceKinds)) byNumber[kind] = table[name as keyof typeof table];
  return byNumber;
})();

export const divergence: Reference<'divergence'> = (
  { rows, vocab },
  { teacher, labels, student: z },
  { weight, temperature, gradScale, teacherTemperature, clamp, kind },
) => {
  const student = expected(rows * vocab);
  const loss = expected(rows);
  const row = (of: Float64Array, r: number, by: number) => logSoftmax(of.subarray(r * vocab, (r + 1) * vocab), by);
  for (let r = 0; r < rows; r++) {
    if (labels[r] === IGNORED) continue;
    const [p, q] = [row(teacher, r, teacherTemperature), row(z, r, temperature)];
    const contribution = { loss: new Sum(), h: Array.from({ length: vocab }, () => new Sum()) };
    divergences[kind]!(p, q, weight, contribution);
    if (clamp > 0 && contribution.loss.value > clamp) {
      loss.value[r] = clamp;
      continue;
    }
    contribution.loss.put(loss, r);
    // Only differences of g matter. Taken from that of the likeliest word, they stay exact when the student puts nearly
    // all weight on it and everything else in the gradient is smaller than one rounding of g.
    const top = q.log.indexOf(q.log.reduce((a, b) => Math.max(a, b)));
    const qTop = Math.exp(q.log[top]!);
    const [gTop, sizeGTop] = [contribution.h[top]!.value / qTop, contribution.h[top]!.scale / qTop];
    const total = new Sum();
    const centred = contribution.h.map((h, j) => {
      if (j === top) return { value: 0, scale: 0 };
      const qj = Math.exp(q.log[j]!);
      const value = h.value - qj * gTop;
      const scale = h.scale + exponentialSize(qj) * (sizeGTop + Math.abs(gTop) * (1 + q.slack[j]!));
      total.add(value, scale);
      return { value, scale };
    });
    const factor = gradScale / temperature;
    centred.forEach(({ value, scale }, j) => {
      const qj = Math.exp(q.log[j]!);
      student.value[r * vocab + j] = factor * (value - qj * total.value);
      student.scale[r * vocab + j] =
        Math.abs(factor) * (scale + exponentialSize(qj) * (total.scale + Math.abs(total.value) * (1 + q.slack[j]!)));
    });
  }
  return { student, loss };
};
