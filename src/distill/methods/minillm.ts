import * as z from 'zod';
import { option, ranges } from '../../settings/index.js';
import { reverseKL } from '../losses/index.js';
import { policyGradient, policyGradientOptions } from '../policyGradient.js';
import { onPolicy } from '../sgo/index.js';
import { type DistillingSettings, defineMethod } from './defineMethod.js';

/**
 * MiniLLM: the reverse KL of whole answers by policy gradient, see `policyGradient`, on fresh answers of which the teacher
 * draws a share of the tokens, with the reverse KL of each token beside it. Give plain text (`data.text`) for the
 * language modelling loss of the published runs. These take 256 prompts at a time and update four times by each in batches
 * of 64; here a step answers the prompts of its batch and makes `updates` updates by all of them.
 * @throws OptionError
 */
export const minillm = defineMethod(
  'minillm',
  z.strictObject({
    ...policyGradientOptions,
    teacherShare: option(
      ranges.shareBelow1.default(0.2),
      'share of the tokens of a fresh answer that the teacher draws',
    ),
  }),
  {
    summary: 'reverse KL of whole answers by policy gradient, on answers that the teacher helps to draw',
    source: 'Gu et al. (arXiv:2306.08543); scripts/gpt2/minillm of its code (github.com/microsoft/LMOps)',
    hasTeacher: true,
    hasStudentOutputs: true,
    settings: ({ teacherShare, ...options }): DistillingSettings => ({
      loss: reverseKL(),
      objective: policyGradient(options),
      sgo: onPolicy(),
      generation: { teacherShare },
      kdRatio: 1,
      optimizer: { lr: 5e-6 },
    }),
  },
);
