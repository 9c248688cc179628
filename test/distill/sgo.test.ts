import { describe, expect, it } from 'vitest';
import {
  adaptiveOffPolicy,
  dataOnly,
  policies,
  policySchema,
  type SgoState,
  startPolicy,
} from '../../src/distill/sgo/index.js';
import { CheckpointError, OptionError } from '../../src/errors.js';

const phis = (state: SgoState, losses: readonly number[]) => losses.map((loss) => state.observeValidation(loss).phi);

describe('adaptiveOffPolicy: phi', () => {
  // By hand, from the official loop: accepted 2.0; 2.05 is no rise by 0.1; 2.15 is (accepted 2.15); 2.2 and 1.5 are
  // not, and leave 2.15 accepted; 2.26 is; 2.0 is not.
  it('rises by 0.1 when the loss is lossEps above the last accepted one, which only then moves', () => {
    const state = startPolicy(adaptiveOffPolicy(), { totalSteps: 100 });
    expect(phis(state, [2.0, 2.05, 2.15, 2.2, 1.5, 2.26, 2.0])).toEqual([0, 0, 0.1, 0.1, 0.1, 0.2, 0.2]);
  });

  it('compares in floating point as the official code does: 2.2 + 0.1 is above 2.3', () => {
    const state = startPolicy(adaptiveOffPolicy({ lossEps: 0.1 }), { totalSteps: 100 });
    expect(phis(state, [2.2, 2.3, 2.3000000000000003])).toEqual([0, 0, 0.1]);
  });

  it('a rise of exactly lossEps counts', () => {
    expect(phis(startPolicy(adaptiveOffPolicy({ lossEps: 0.5 }), { totalSteps: 9 }), [1, 1.5])).toEqual([0, 0.1]);
  });

  it('ten raises give exactly 1, and it stays there', () => {
    const state = startPolicy(adaptiveOffPolicy(), { totalSteps: 100 });
    const rising = Array.from({ length: 12 }, (_, i) => i);
    expect(phis(state, rising)).toEqual([0, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 1, 1]);
    const effect = state.observeValidation(100);
    expect(effect).toEqual({ phi: 1, raised: false, note: 'at the cap' });
  });

  it('starts at initThreshold', () => {
    const state = startPolicy(adaptiveOffPolicy({ initThreshold: 0.2, lossEps: 0.2 }), { totalSteps: 100 });
    expect(state.phi).toBe(0.2);
    expect(phis(state, [1, 2, 3, 4, 5, 6, 7, 8, 9, 10]).at(-1)).toBe(1);
  });

  it('reports a loss that is not finite and changes nothing', () => {
    const state = startPolicy(adaptiveOffPolicy(), { totalSteps: 100 });
    expect(state.observeValidation(Number.NaN)).toEqual({ phi: 0, raised: false, note: 'loss is not finite' });
    expect(phis(state, [1, Number.POSITIVE_INFINITY, Number.NaN, 1.2])).toEqual([0, 0, 0, 0.1]);
  });

  it('guard: no more than cap', () => {
    const state = startPolicy(adaptiveOffPolicy({ guard: { cap: 0.25 } }), { totalSteps: 100 });
    expect(phis(state, [0, 1, 2, 3, 4])).toEqual([0, 0.1, 0.2, 0.25, 0.25]);
  });

  it('guard: cooldown holds phi for that many validations after a raise', () => {
    const state = startPolicy(adaptiveOffPolicy({ guard: { cooldown: 2 } }), { totalSteps: 100 });
    // Raised at 1; 2 and 3 are held back; 4 raises; 5 and 0 are held back; 6 raises.
    expect(phis(state, [0, 1, 2, 3, 4, 5, 0, 6])).toEqual([0, 0.1, 0.1, 0.1, 0.2, 0.2, 0.2, 0.3]);
    expect(state.observeValidation(7).note).toBe('cooling down');
  });
});

describe('adaptiveOffPolicy: what a step trains on', () => {
  const sources = (state: SgoState, step: number, bufferFull: boolean, draws: readonly number[]) =>
    draws.map((random) => state.decide({ step, random, bufferFull }));
  const policy = (schedule: 'decreasing' | 'constant' | 'increasing') =>
    startPolicy(adaptiveOffPolicy({ initThreshold: 0.8, schedule }), { totalSteps: 10 });

  it('is data alone while phi is 0', () => {
    const state = startPolicy(adaptiveOffPolicy(), { totalSteps: 10 });
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
    const first = startPolicy(policy, { totalSteps: 10 });
    phis(first, [1, 2]);
    const snapshot = JSON.parse(JSON.stringify(first.toState()));
    const second = startPolicy(policy, { totalSteps: 10, snapshot });
    const rest = [3, 3.5, 3.55, 9];
    expect(phis(second, rest)).toEqual(phis(first, rest));
    expect(() => startPolicy(policy, { totalSteps: 10, snapshot: {} })).toThrow(CheckpointError);
  });

  it('serves several runs at once', () => {
    const policy = adaptiveOffPolicy();
    const [first, second] = [startPolicy(policy, { totalSteps: 9 }), startPolicy(policy, { totalSteps: 9 })];
    phis(first, [1, 2]);
    expect(second.phi).toBe(0);
  });

  it.each<[object, string]>([
    [{ capacity: 0 }, 'adaptiveOffPolicy: capacity is 0, expected an integer of at least 1.'],
    [{ capacity: 1.5 }, 'capacity is 1.5, expected an integer of at least 1.'],
    [{ initThreshold: -0.1 }, 'initThreshold is -0.1, expected a number from 0 to 1.'],
    [{ initThreshold: 1.1 }, 'initThreshold is 1.1, expected a number from 0 to 1.'],
    [{ lossEps: Number.NaN }, 'lossEps is NaN, expected a number of at least 0.'],
    [{ schedule: 'rising' }, 'schedule is rising, expected one of decreasing, constant, increasing.'],
    [{ initThreshold: 0.5, guard: { cap: 0.4 } }, 'guard.cap is 0.4, expected between initThreshold (0.5) and 1.'],
    [{ guard: { cooldown: -1 } }, 'guard.cooldown is -1, expected an integer of at least 0.'],
    [{ guard: { cooling: 1 } }, 'there is no option guard.cooling'],
  ])('refuses %o', (options, message) => {
    expect(() => adaptiveOffPolicy(options)).toThrow(OptionError);
    expect(() => adaptiveOffPolicy(options)).toThrow(message);
  });
});

it('policies are plain data, made by the factory that the table has under their kind', () => {
  for (const [kind, make] of Object.entries(policies)) {
    const policy = make();
    expect(JSON.parse(JSON.stringify(policy))).toEqual({ ...policy, kind });
    expect(policySchema.parse(policy)).toEqual(policy);
  }
  expect(adaptiveOffPolicy()).toEqual({
    ...{ kind: 'adaptiveOffPolicy', capacity: 1000, initThreshold: 0, lossEps: 0.1, schedule: 'decreasing' },
    guard: { cap: 1, cooldown: 0 },
  });
});

it('dataOnly trains on data alone', () => {
  const state = startPolicy(dataOnly(), { totalSteps: 10 });
  expect(state.decide({ step: 1, random: 0, bufferFull: false })).toBe('data');
  expect(state.observeValidation(1)).toEqual({ phi: 0, raised: false });
});
