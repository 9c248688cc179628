/** Learning rates as functions of the step, with the names and formulas of PyTorch and transformers. */
import { requireOption } from '../requireOption.js';
import { checkOption, ranges } from '../settings/index.js';

/**
 * Learning rate of an optimizer step. Steps count from 0: the first update uses `schedule(0)`, as PyTorch's and Hugging
 * Face's schedulers have it. With a warmup the first update therefore has learning rate 0 (it moves nothing but the
 * optimizer's moments). Beyond the last step the final value stays.
 */
export type Schedule = (step: number) => number;

export interface ScheduleOptions {
  /** Peak learning rate. */
  readonly lr: number;
  /** Steps of linear growth from 0 to `lr`. Default 0. */
  readonly warmupSteps?: number;
}
export interface DecayOptions extends ScheduleOptions {
  /** Optimizer steps of the whole run, warmup included. */
  readonly totalSteps: number;
}

/** lr * min(1, step / warmupSteps). Equals transformers' `get_constant_schedule_with_warmup`. */
export function constantSchedule(options: ScheduleOptions): Schedule {
  const { lr } = checked(options);
  return withWarmup(options, () => lr);
}

/**
 * After the warmup lr * (totalSteps - step) / (totalSteps - warmupSteps): 0 after the last step. Equals transformers'
 * `get_linear_schedule_with_warmup`.
 */
export function linearSchedule(options: DecayOptions): Schedule {
  const { lr } = checked(options);
  return withWarmup(options, (step) => lr * (1 - progress(options, step)));
}

/**
 * After the warmup minLr + (lr - minLr) * (1 + cos(pi * (step - warmupSteps) / (totalSteps - warmupSteps))) / 2.
 * Without a warmup it equals torch's `CosineAnnealingLR(T_max=totalSteps, eta_min=minLr)`, which the official DistiLLM
 * runs use; with one and minLr 0, transformers' `get_cosine_schedule_with_warmup`.
 */
export function cosineSchedule(
  options: DecayOptions & {
    /** The floor. Default 1e-7, or `lr` where that is smaller. */
    readonly minLr?: number;
  },
): Schedule {
  const { lr } = checked(options);
  const { minLr = Math.min(1e-7, lr) } = options;
  requireOption(where, 'minLr', minLr, minLr >= 0 && minLr <= lr, `between 0 and lr (${lr})`);
  const cosine = (step: number) => minLr + ((lr - minLr) * (1 + Math.cos(Math.PI * progress(options, step)))) / 2;
  return withWarmup(options, cosine);
}

/**
 * lr * min(step / warmupSteps, sqrt(warmupSteps / step)): the inverse square root decay of "Attention Is All You Need",
 * scaled so that the peak, at step = warmupSteps, is `lr`. Equals transformers' `get_inverse_sqrt_schedule` with
 * timescale = warmupSteps. warmupSteps must be at least 1. (The official DistiLLM code calls a polynomial decay of
 * power 0.5 "noam"; this is not that.)
 */
export function noamSchedule(options: ScheduleOptions & { readonly warmupSteps: number }): Schedule {
  const { lr, warmupSteps } = checked(options);
  requireOption(where, 'warmupSteps', warmupSteps, warmupSteps >= 1, 'at least 1 (the peak)');
  return withWarmup(options, (step) => lr * Math.sqrt(warmupSteps / step));
}

/** The schedules that a run can name. */
export const schedules = {
  constant: constantSchedule,
  linear: linearSchedule,
  cosine: cosineSchedule,
  noam: noamSchedule,
} as const;
export type ScheduleName = keyof typeof schedules;
export const scheduleNames = Object.keys(schedules) as [ScheduleName, ...ScheduleName[]];

function withWarmup({ lr, warmupSteps = 0 }: ScheduleOptions, after: Schedule): Schedule {
  return (step) => (step < warmupSteps ? (lr * step) / warmupSteps : after(step));
}

/** Share of the decay that is done at `step`, 0 to 1. */
function progress({ warmupSteps = 0, totalSteps }: DecayOptions, step: number): number {
  return Math.min(1, (step - warmupSteps) / Math.max(1, totalSteps - warmupSteps));
}

const where = 'schedule';

function checked(options: ScheduleOptions & { readonly totalSteps?: number }) {
  const { lr, warmupSteps = 0, totalSteps } = options;
  checkOption(where, 'lr', lr, ranges.notNegative);
  if (totalSteps !== undefined) checkOption(where, 'totalSteps', totalSteps, ranges.count);
  checkOption(where, 'warmupSteps', warmupSteps, ranges.countOrZero);
  if (totalSteps !== undefined) {
    const expected = `an integer from 0 to totalSteps (${totalSteps})`;
    requireOption(where, 'warmupSteps', warmupSteps, warmupSteps <= totalSteps, expected);
  }
  return { lr, warmupSteps };
}
