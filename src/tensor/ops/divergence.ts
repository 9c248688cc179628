/** The divergence of two rows of logits: which kernel computes it, over which tokens, at which temperatures. */
import { alphaBetaPairs, type DivergenceForm, divergenceKinds, simplestForm } from '../../backend/kernels/index.js';
import { expectOptions } from '../expect.js';
import { run } from '../run.js';
import { Tensor } from '../tensor.js';
import { reduceToTop, type TopTokens, topTokens } from './topTokens.js';

/** A divergence between teacher and student distributions; see `divergenceKinds` for what `weight` means in each. */
export type DivergenceSpec = DivergenceForm & {
  /** The student's logits are divided by it, and the teacher's unless they have their own. Above 0. */
  readonly temperature: number;
  /** The teacher's logits are divided by it. Above 0. Default: `temperature`. */
  readonly teacherTemperature?: number;
  /** Rows whose loss is above it have it as their loss, and no gradient. Above 0. Default: none. */
  readonly clamp?: number;
  /**
   * Only so many tokens stand alone, those that the teacher gives most; all others count as one, in both models. Of a KL this
   * is a lower bound. Default: all stand alone.
   */
  readonly topK?: number;
};

const common = ['kind', 'weight', 'temperature', 'teacherTemperature', 'clamp', 'topK'];
const ofAlphaBeta = ['between', 'alpha', 'beta', 'power'];

/** @throws OptionError for what is no such object, and for names that it does not have */
export function expectDivergence(operation: string, divergence: DivergenceSpec): void {
  const isAlphaBeta = Object(divergence).kind === 'alphaBeta';
  expectOptions(operation, divergence, isAlphaBeta ? [...common, ...ofAlphaBeta] : common);
}

/** What a divergence is taken of. */
export interface DivergenceOperands {
  /** [rows, vocab] */
  readonly teacher: Tensor;
  /** [rows, vocab]. They become their gradients. */
  readonly student: Tensor;
  /** [rows] i32. Rows with -100 do not count. */
  readonly labels: Tensor;
  /** Multiplies the gradients, not the losses. */
  readonly gradScale: number;
}

/** What comes of a divergence, [rows] each. */
export interface DivergenceLosses {
  /** The divergence of each row. */
  readonly loss: Tensor;
  /** The target's to the student, where there is a target. */
  readonly crossEntropy?: Tensor;
}

/**
 * The divergence of each row, in nats where it is a KL; the student's logits become its gradient, in place.
 * @throws ShapeError
 */
export function divergenceOf(divergence: DivergenceSpec, operands: DivergenceOperands): DivergenceLosses {
  const { topK, ...all } = divergence;
  const { teacher } = operands;
  // Without others to put together nothing is left out.
  if (topK === undefined || topK >= (teacher.shape[1] as number)) return overAll(all, operands);
  const ids = topTokens(teacher, topK);
  const { logits } = reduceToTop(teacher, ids, divergence.teacherTemperature ?? divergence.temperature);
  return divergenceFromTop(all, { ...operands, teacher: { ids, logits } });
}

/**
 * The same from a teacher of which k tokens stand alone, and all others count as one: `topK` of the divergence is theirs.
 * The teacher's logits must be those at the temperature by which they are divided here.
 * @throws ShapeError
 */
export function divergenceFromTop(
  divergence: DivergenceSpec,
  { teacher, student, labels, gradScale }: Omit<DivergenceOperands, 'teacher'> & { readonly teacher: TopTokens },
): DivergenceLosses {
  const { temperature } = divergence;
  const { device } = student;
  const { ids } = teacher;
  const { logits: reduced, top } = reduceToTop(student, ids, temperature);
  const gradient = Tensor.empty(device, reduced.shape, 'f32', 'divergenceFromTop.gradient');
  device.copy(reduced.storage, 0, gradient.storage, 0, 4 * reduced.size);
  const losses = overAll(divergence, { teacher: teacher.logits, student: gradient, labels, gradScale });
  run(device, 'spreadFromTop', { ids, reduced, gradient, top, labels, logits: student }, { temperature });
  return losses;
}

/** Over all tokens of the rows. */
function overAll(divergence: DivergenceSpec, { gradScale, ...given }: DivergenceOperands): DivergenceLosses {
  const { temperature, teacherTemperature = temperature, clamp = 0 } = divergence;
  const { device } = given.student;
  const params = { temperature, teacherTemperature, clamp, gradScale };
  const form = simplestForm(divergence);
  if (form.kind !== 'alphaBeta') {
    return run(device, 'divergence', given, { ...params, weight: form.weight, kind: divergenceKinds[form.kind] });
  }
  const { between, alpha, beta, power, weight } = form;
  const numbers = { alpha, beta, power, weight, pair: alphaBetaPairs[between] };
  const { loss, crossEntropy } = run(device, 'alphaBeta', given, { ...params, ...numbers });
  return between === 'targetStudent' ? { loss, crossEntropy } : { loss };
}
