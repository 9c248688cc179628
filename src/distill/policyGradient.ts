/** The objective of MiniLLM as data: how answers of the student are rewarded, and how far they may move it. */
import * as z from 'zod';
import { type DataOf, option, ranges, variant, variantSchema } from '../settings/index.js';

/** The options of `policyGradient`, which the method minillm has too. */
export const policyGradientOptions = {
  clip: option(
    ranges.openShare.default(0.2),
    'how far the ratio of probabilities may leave 1 before a token gets no gradient',
    {
      flag: 'clipRatio',
    },
  ),
  rewardScale: option(ranges.positive.default(0.5), 'divides the rewards, log p - log q of each token'),
  rewardClip: option(ranges.positive.default(100), 'rewards are kept within so much of 0'),
  gamma: option(ranges.share.default(0.95), 'discount of the rewards of later tokens'),
  noLengthNorm: option(
    ranges.switched.default(false),
    'do not divide what is yet to come of an answer by its tokens that are yet to come',
  ),
  noSingleStep: option(
    ranges.switched.default(false),
    "leave out the loss, token by token, on the student's own answers",
  ),
  updates: option(ranges.count.default(4), 'updates of the student by the answers of one step'),
};

/**
 * MiniLLM's policy gradient on the student's own answers (Gu et al., arXiv:2306.08543), for the setting `objective`. The
 * reward of a token is (log p - log q) / rewardScale, p the teacher and q the student as it answered. Its return is the
 * discounted sum from the token on, over the number of tokens from there on unless `noLengthNorm`; the returns of a step are
 * brought to mean 0 and variance 1. The student then minimises max(-a r, -a clamp(r, 1 - clip, 1 + clip)) `updates` times:
 * a is the return and r the importance weight of the token times the ratio of its probability to what that was. The
 * importance weight is 1, or where the teacher draws a share of the tokens q / ((1 - share) q + share p).
 * Defaults are those of the published runs for GPT-2.
 * @throws OptionError
 */
export const policyGradient = variant('policyGradient', z.strictObject(policyGradientOptions), {});

/** What is minimised on the student's own answers besides a divergence, token by token. */
export const objectives = { policyGradient };

/** As data: `{ kind: 'policyGradient', clip: 0.2, ... }`. */
export type PolicyGradient = DataOf<typeof objectives>;

export const objectiveSchema = variantSchema(objectives);
