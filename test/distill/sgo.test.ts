import { describe, expect, it } from 'vitest';
import { adaptiveOffPolicy, offPolicy, type SgoState } from '../../src/distill/sgo/index.js';
import { CheckpointError, OptionError } from '../../src/errors.js';

const phis = (state: SgoState, losses: readonly number[]) => losses.map((loss) => state.observeValidation(loss).phi);

describe('adaptiveOffPolicy: phi', () => {
  // By hand, from the official loop: accepted 2.0; 2.05 is no rise by 0.1; 2.15 is (accepted 2.15); 2.2 and 1.5 are not,
  // and leave 2.15 accepted; 2.26 is; 2.0 is not.
  it('rises by 0.1 when the loss is lossEps above the last accepted one, which only then moves', () => {
    const state = adaptiveOffPolicy().start({ totalSteps: 100 });
    expect(phis(state, [2.0, 2.05, 2.15, 2.2, 1.5, 2.26, 2.0])).toEqual([0, 0, 0.1, 0.1, 0.1, 0.2, 0.2]);
  });

  it('compares in floating point as the official code does: 2.2 + 0.1 is above 2.3', () => {
    const state = adaptiveOffPolicy({ lossEps: 0.1 }).start({ totalSteps: 100 });
    expect(phis(state, [2.2, 2.3, 2.3000000000000003])).toEqual([0, 0, 0.1]);
  });

  it('a rise of exactly lossEps counts', () => {
    expect(phis(adaptiveOffPolicy({ lossEps: 0.5 }).start({ totalSteps: 9 }), [1, 1.5])).toEqual([0, 0.1]);
  });

  it('ten raises give exactly 1, and it stays there', () => {
    const state = adaptiveOffPolicy().start({ totalSteps: 100 });
    const rising = Array.from({ length: 12 }, (_, i) => i);
    expect(phis(state, rising)).toEqual([0, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 1, 1]);
    const effect = state.observeValidation(100);
    expect(effect).toEqual({ phi: 1, raised: false, note: 'at the cap' });
  });

  it('starts at initThreshold', () => {
    const state = adaptiveOffPolicy({ initThreshold: 0.2, lossEps: 0.2 }).start({ totalSteps: 100 });
    expect(state.phi).toBe(0.2);
    expect(phis(state, [1, 2, 3, 4, 5, 6, 7, 8, 9, 10]).at(-1)).toBe(1);
  });

  it('reports a loss that is not finite and changes nothing', () => {
    const state = adaptiveOffPolicy().start({ totalSteps: 100 });
    expect(state.observeValidation(Number.NaN)).toEqual({ phi: 0, raised: false, note: 'loss is not finite' });
    expect(phis(state, [1, Number.POSITIVE_INFINITY, Number.NaN, 1.2])).toEqual([0, 0, 0, 0.1]);
  });

  it('guard: no more than cap', () => {
    const state = adaptiveOffPolicy({ guard: { cap: 0.25 } }).start({ totalSteps: 100 });
    expect(phis(state, [0, 1, 2, 3, 4])).toEqual([0, 0.1, 0.2, 0.25, 0.25]);
  });

  it('guard: cooldown holds phi for that many validations after a raise', () => {
    const state = adaptiveOffPolicy({ guard: { cooldown: 2 } }).start({ totalSteps: 100 });
    // Raised at 1; 2 and 3 are held back; 4 raises; 5 and 0 are held back; 6 raises.
    expect(phis(state, [0, 1, 2, 3, 4, 5, 0, 6])).toEqual([0, 0.1, 0.1, 0.1, 0.2, 0.2, 0.2, 0.3]);
    expect(state.observeValidation(7).note).toBe('cooling down');
  });
});

describe('adaptiveOffPolicy: what a step trains on', () => {
  const sources = (state: SgoState, step: number, bufferFull: boolean, draws: readonly number[]) =>
    draws.map((random) => state.decide({ step, random, bufferFull }));
  const policy = (schedule: 'decreasing' | 'constant' | 'increasing') =>
    adaptiveOffPolicy({ initThreshold: 0.8, schedule }).start({ totalSteps: 10 });

  it('is data alone while phi is 0', () => {
    const state = adaptiveOffPolicy().start({ totalSteps: 10 });
    expect(sources(state, 1, false, [0, 0.5])).toEqual(['data', 'data']);
  });

  it('fills the buffer before it replays', () => {
    expect(sources(policy('decreasing'), 10, false, [0, 0.79, 0.8])).toEqual(['generate', 'generate', 'data']);
  });

  it('decreasing: phi (1 - t/T), so the last step never generates once the buffer is full', () => {
    // 0.8 * (1 - 1/10) = 0.72; 0.8 * (1 - 5/10) = 0.4
    expect(sources(policy('decreasing'), 1, true, [0.71, 0.73, 0.8])).toEqual(['generate', 'replay', 'data']);
    expect(sources(policy('decreasing'), 5, true, [0.39, 0.41, 0.9])).toEqual(['generate', 'replay', 'data']);
    expect(sources(policy('decreasing'), 10, true, [0, 0.79])).toEqual(['replay', 'replay']);
  });

  it('constant: 0.5 phi', () => {
    for (const step of [1, 10]) {
      expect(sources(policy('constant'), step, true, [0.39, 0.4, 0.8])).toEqual(['generate', 'replay', 'data']);
    }
  });

  it('increasing: phi t/T', () => {
    expect(sources(policy('increasing'), 1, true, [0.07, 0.09])).toEqual(['generate', 'replay']);
    expect(sources(policy('increasing'), 10, true, [0.79, 0.8])).toEqual(['generate', 'data']);
  });
});

describe('adaptiveOffPolicy: state and options', () => {
  it('goes on from a snapshot through JSON', () => {
    const policy = adaptiveOffPolicy({ guard: { cooldown: 1 } });
    const first = policy.start({ totalSteps: 10 });
    phis(first, [1, 2]);
    const second = policy.start({ totalSteps: 10, snapshot: JSON.parse(JSON.stringify(first.toState())) });
    const rest = [3, 3.5, 3.55, 9];
    expect(phis(second, rest)).toEqual(phis(first, rest));
    expect(() => policy.start({ totalSteps: 10, snapshot: {} })).toThrow(CheckpointError);
  });

  it('serves several runs at once', () => {
    const policy = adaptiveOffPolicy();
    const [first, second] = [policy.start({ totalSteps: 9 }), policy.start({ totalSteps: 9 })];
    phis(first, [1, 2]);
    expect(second.phi).toBe(0);
  });

  it.each([
    { capacity: 0 },
    { capacity: 1.5 },
    { initThreshold: -0.1 },
    { initThreshold: 1.1 },
    { lossEps: Number.NaN },
    { schedule: 'rising' as 'constant' },
    { initThreshold: 0.5, guard: { cap: 0.4 } },
    { guard: { cooldown: -1 } },
  ])('refuses %o', (options) => {
    expect(() => adaptiveOffPolicy(options)).toThrow(OptionError);
  });
});

it('offPolicy trains on data alone', () => {
  const state = offPolicy().start({ totalSteps: 10 });
  expect(state.decide({ step: 1, random: 0, bufferFull: false })).toBe('data');
  expect(state.observeValidation(1)).toEqual({ phi: 0, raised: false });
});
