import * as z from 'zod';
import { option, ranges } from '../../settings/index.js';
import { skewKL, skewReverseKL } from '../losses/index.js';
import { onPolicy } from '../sgo/index.js';
import { type DistillingSettings, defineMethod } from './defineMethod.js';

/**
 * DistiLLM-2: skew KL on answers of the teacher beside skew reverse KL on answers of the student to the same prompts. The
 * teacher answers every prompt once, before the first step. The student's answers are fresh in each step; the published
 * code makes them once an epoch. With `curriculum` alpha falls as the models come nearer, and the weight of the
 * student's answers grows: as the paper describes it. The released code has both switched off, which is the default here.
 * @throws OptionError
 */
export const distillm2 = defineMethod(
  'distillm2',
  z.strictObject({
    alpha: option(ranges.shareBelow1.default(0.1), 'alpha of both skew divergences'),
    curriculum: option(
      ranges.switched.default(false),
      'alpha and weights follow a curriculum over the run, as in the paper',
      { flag: false },
    ),
  }),
  {
    summary: "skew KL on the teacher's answers beside skew reverse KL on the student's own",
    source: 'Ko et al. (arXiv:2503.07067); src/distillm_trainer.py of its code',
    hasTeacher: true,
    hasStudentOutputs: true,
    settings: ({ alpha, curriculum }): DistillingSettings => ({
      loss: skewKL({ alpha }),
      studentLoss: skewReverseKL({ alpha }),
      curriculum: { alpha: curriculum, weight: curriculum },
      answers: 'teacher',
      sgo: onPolicy(),
      pairs: true,
      kdRatio: 1,
      optimizer: { lr: 5e-5 },
    }),
  },
);
