import { option, ranges } from '../../settings/index.js';
import type { LossState } from './course.js';
import { defineLoss } from './defineLoss.js';

/** Where the target is, and what its controller remembers. */
interface Moving extends LossState {
  readonly t: number;
  readonly momentum: number;
  /** What the controller followed at the step before; null before the first. */
  readonly previous: number | null;
}

const sigmoid = (x: number) => 1 / (1 + Math.exp(-x));

/**
 * Temporally adaptive interpolated distillation (TAID, arXiv 2501.16937): KL(r || q) to a target between student and
 * teacher,
 *
 *     r = softmax((1 - t) z + t z_p), z the student's logits without a gradient, z_p the teacher's
 *
 * that moves from near the student (t = `start`) to the teacher (t = `end`). After step n of N, with L the loss that the
 * controller follows and L' that of the step before,
 *
 *     m = momentum m + (1 - momentum) (L' - L) / L',  t = min(end, max(start + (end - start) n / N, t + rate sigmoid(m) (1 - t)))
 *
 * so t never lags behind the straight line, and runs ahead of it faster while the loss falls. `linear` is the line alone.
 *
 * `follows` says what L is: 'crossEntropy' of r and q, as published, or the 'divergence', which lacks the entropy of r.
 * That falls and rises with t itself, so t moves otherwise. The loss that is minimised and told is the divergence: 0 where
 * student and teacher agree; as r follows the student it is small at the beginning whatever the distance. start 0.4 (0.2
 * for small students), end 1, rate 5e-4 and momentum 0.99 are published.
 * @throws OptionError
 */
export const taid = defineLoss(
  'taid',
  {
    start: option(ranges.shareBelow1.default(0.4), 'share of the teacher in the target at the beginning', {
      flag: 'taidStart',
      unit: 'share',
    }),
    end: option(ranges.someShare.default(1), 'share of the teacher in the target at the end', {
      flag: 'taidEnd',
      unit: 'share',
    }),
    rate: option(ranges.share.optional(), 'how fast the target runs ahead of the straight line from start to end', {
      flag: 'taidRate',
      defaultWords: '0.0005',
    }),
    momentum: option(ranges.shareBelow1.optional(), 'of how fast the loss falls', {
      flag: 'taidMomentum',
      defaultWords: '0.99',
    }),
    linear: option(ranges.switched.optional(), 'the target moves on the straight line alone', { flag: 'taidLinear' }),
    follows: option(
      ranges.choice(['crossEntropy', 'divergence']).optional(),
      'the loss by which the target moves: crossEntropy, as published, or the divergence, which lacks the entropy of the target',
      { flag: 'taidFollows', defaultWords: 'crossEntropy' },
    ),
  },
  {
    form: (loss) => formAt(loss.start),
    refuse: ({ start, end, ...loss }) => {
      if (end < start) return ['end', `at least start (${start})`];
      if (!loss.linear) return undefined;
      const idle = (['rate', 'momentum', 'follows'] as const).find((name) => loss[name] !== undefined);
      return idle && [idle, 'no such option beside linear, which leaves nothing to adapt'];
    },
    course: {
      start: ({ start }): Moving => ({ t: start, momentum: 0, previous: null }),
      form: (_, state) => formAt((state as Moving).t),
      next(loss, state, { step, totalSteps, divergence, crossEntropy }): Moving {
        const { start, end, rate = 5e-4, momentum = 0.99, follows = 'crossEntropy', linear } = loss;
        const { t, previous, momentum: before } = state as Moving;
        const line = start + ((end - start) * step) / totalSteps;
        const followed = follows === 'divergence' ? divergence : crossEntropy;
        const at = (moved: number) => Math.min(end, Math.max(line, moved));
        // A loss that is no number, or 0, says nothing of how fast it falls.
        if (linear || followed === undefined || !Number.isFinite(followed))
          return { t: at(t), momentum: before, previous };
        if (previous === null || previous === 0) return { t: at(t), momentum: before, previous: followed };
        const next = momentum * before + ((1 - momentum) * (previous - followed)) / previous;
        return { t: at(t + rate * sigmoid(next) * (1 - t)), momentum: next, previous: followed };
      },
      told: (state) => ({ t: (state as Moving).t }),
    },
  },
);

const formAt = (t: number) =>
  ({ kind: 'alphaBeta', between: 'targetStudent', alpha: 1, beta: 0, power: 0, weight: t }) as const;
