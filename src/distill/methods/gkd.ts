import * as z from 'zod';
import { option, ranges } from '../../settings/index.js';
import { type Divergence, forwardKL, jensenShannon, reverseKL } from '../losses/index.js';
import { mixed } from '../sgo/index.js';
import { type DistillingSettings, defineMethod } from './defineMethod.js';

/**
 * GKD: the generalised Jensen-Shannon divergence beta KL(p || m) + (1 - beta) KL(q || m) with m = beta p + (1 - beta) q,
 * on fresh answers of the student with probability `lambda`, else on the data. p is the teacher, q the student. beta 0 is
 * forward KL and beta 1 reverse KL: what the divergence divided by beta, or by 1 - beta, tends to.
 *
 * Defaults are those of TRL's GKDTrainer. The DistiLLM code, which compares with GKD, has beta 0.1 and lambda 0.5.
 * @throws OptionError
 */
export const gkd = defineMethod(
  'gkd',
  z.strictObject({
    beta: option(
      ranges.share.default(0.5),
      "the teacher's weight in the Jensen-Shannon divergence; 0 is forward KL, 1 reverse KL",
    ),
    lambda: option(ranges.share.default(0.5), 'probability that a step trains on fresh answers of the student'),
  }),
  {
    summary: 'generalised Jensen-Shannon divergence, on fresh answers of the student in a share of the steps',
    source: "Agarwal et al. (arXiv:2306.13649); defaults of TRL's GKDTrainer",
    hasTeacher: true,
    hasStudentOutputs: true,
    settings: ({ beta, lambda }): DistillingSettings => ({
      loss: generalisedJSD(beta),
      sgo: mixed({ share: lambda }),
      kdRatio: 1,
    }),
  },
);

function generalisedJSD(beta: number): Divergence {
  if (beta === 0) return forwardKL();
  return beta === 1 ? reverseKL() : jensenShannon({ weight: 1 - beta });
}
