import { describe, expect, it } from 'vitest';
import { OptionError } from '../../src/errors.js';
import {
  constantSchedule,
  cosineSchedule,
  linearSchedule,
  noamSchedule,
  type Schedule,
} from '../../src/optim/index.js';

const lr = 5e-4;
const over = (schedule: Schedule, steps: number) => Array.from({ length: steps }, (_, step) => schedule(step));
function expectRates(schedule: Schedule, expected: readonly number[]): void {
  over(schedule, expected.length).forEach((rate, step) => {
    expect(Math.abs(rate - expected[step]!), `step ${step}: ${rate}, expected ${expected[step]}`).toBeLessThan(1e-15);
  });
}

// The learning rate that the optimizer's updates 0, 1, 2, ... use, from torch 2.13.0 and transformers 5.23.0.
describe('schedules', () => {
  it('constant: get_constant_schedule_with_warmup(3)', () => {
    expectRates(constantSchedule({ lr, warmupSteps: 3 }), [0, lr / 3, (2 * lr) / 3, lr, lr, lr]);
    expectRates(constantSchedule({ lr }), [lr, lr]);
  });

  it('linear: get_linear_schedule_with_warmup(3, 10)', () => {
    expectRates(
      linearSchedule({ lr, warmupSteps: 3, totalSteps: 10 }),
      [
        0, 0.00016666666666666666, 0.0003333333333333333, 0.0005, 0.00042857142857142855, 0.00035714285714285714,
        0.0002857142857142857, 0.00021428571428571427, 0.00014285714285714284, 7.142857142857142e-5, 0, 0,
      ],
    );
  });

  it('cosine with warmup: get_cosine_schedule_with_warmup(3, 10)', () => {
    expectRates(
      cosineSchedule({ lr, warmupSteps: 3, totalSteps: 10, minLr: 0 }),
      [
        0, 0.00016666666666666666, 0.0003333333333333333, 0.0005, 0.00047524221697560476, 0.0004058724504646834,
        0.0003056302334890786, 0.00019436976651092142, 9.412754953531663e-5, 2.4757783024395242e-5, 0,
      ],
    );
  });

  it('cosine to 1e-7: CosineAnnealingLR(T_max=10, eta_min=1e-7)', () => {
    const schedule = cosineSchedule({ lr, totalSteps: 10 });
    expectRates(
      schedule,
      [
        0.0005, 0.0004877665762479737, 0.00045226379774401815, 0.0003969669238105037, 0.0003272887977440181, 0.00025005,
        0.0001728112022559819, 0.00010313307618949637, 4.7836202255981915e-5, 1.2333423752026375e-5, 1e-7,
      ],
    );
    expect(schedule(1000), 'stays at the floor').toBe(1e-7);
  });

  it('noam: get_inverse_sqrt_schedule(4, timescale=4)', () => {
    expectRates(
      noamSchedule({ lr, warmupSteps: 4 }),
      [
        0, 0.000125, 0.00025, 0.000375, 0.0005, 0.00044721359549995795, 0.0004082482904638631, 0.0003779644730092272,
        0.00035355339059327376, 0.0003333333333333333, 0.00031622776601683794,
      ],
    );
  });

  it.each([
    ['negative lr', () => constantSchedule({ lr: -1 })],
    ['NaN lr', () => constantSchedule({ lr: Number.NaN })],
    ['fractional warmup', () => constantSchedule({ lr, warmupSteps: 1.5 })],
    ['warmup longer than the run', () => linearSchedule({ lr, warmupSteps: 11, totalSteps: 10 })],
    ['no steps', () => cosineSchedule({ lr, totalSteps: 0 })],
    ['floor above the peak', () => cosineSchedule({ lr, totalSteps: 10, minLr: 1 })],
    ['noam without warmup', () => noamSchedule({ lr, warmupSteps: 0 })],
  ])('refuses %s', (_, make) => {
    expect(make).toThrow(OptionError);
  });
});
