import { describe, expect, it } from 'vitest';
import { rotaryOf } from '../../src/models/rotary.js';

const shape = { headDim: 8, maxPositions: 16 };
const anglesAt = (config: Parameters<typeof rotaryOf>[0], ...positions: number[]) => [
  ...rotaryOf(config, shape).angles(Int32Array.from(positions), 0),
];

describe('rotary positions', () => {
  it('turn pair i by position theta^(-2i / headDim): cosines, then sines', () => {
    const turns = [0, 1, 2, 3].map((pair) => 3 * 100 ** (-pair / 4));
    const row = [...turns.map(Math.cos), ...turns.map(Math.sin)].map(Math.fround);
    expect(anglesAt({ rope_theta: 100 }, 3, 0, 3)).toEqual([...row, 1, 1, 1, 1, 0, 0, 0, 0, ...row]);
    expect(anglesAt({}, 5)).toEqual(anglesAt({ rope_theta: 10_000 }, 5));
  });

  it('are the same in both styles of config.json; what is inside counts first, and rope_scaling before rope_parameters', () => {
    const want = anglesAt({ rope_theta: 500, rope_scaling: { type: 'linear', factor: 2 } }, 1, 9);
    for (const config of [
      { rope_parameters: { rope_theta: 500, rope_type: 'linear', factor: 2 } },
      { rope_theta: 500, rope_parameters: { rope_type: 'linear', factor: 2 } },
      { rope_theta: 7, rope_parameters: { rope_theta: 500, rope_type: 'linear', factor: 2 } },
      { rope_theta: 500, rope_scaling: { rope_type: 'linear', factor: 2 }, rope_parameters: { rope_type: 'default' } },
      { rope_theta: 500, rope_scaling: {}, rope_parameters: { rope_type: 'linear', factor: 2 } },
    ]) {
      expect(anglesAt(config, 1, 9)).toEqual(want);
    }
    // Linear scaling divides positions.
    expect(anglesAt({ rope_theta: 500, rope_scaling: { type: 'linear', factor: 2 } }, 8)).toEqual(
      anglesAt({ rope_theta: 500 }, 4),
    );
  });

  it('dynamic: plain up to max_position_embeddings, then by the longest of the batch, and plain again', () => {
    const rotary = rotaryOf({ rope_theta: 100, rope_scaling: { type: 'dynamic', factor: 4 } }, shape);
    const plain = anglesAt({ rope_theta: 100 }, 5, 15);
    expect([...rotary.angles(Int32Array.of(5, 15), 16)]).toEqual(plain);
    const theta = 100 * ((4 * 20) / 16 - 3) ** (8 / 6);
    expect([...rotary.angles(Int32Array.of(5, 19), 20)]).toEqual(anglesAt({ rope_theta: theta }, 5, 19));
    expect([...rotary.angles(Int32Array.of(5, 15), 16)]).toEqual(plain);
    const two = rotaryOf({ rope_scaling: { type: 'dynamic', factor: 4 } }, { ...shape, headDim: 2 });
    expect([...two.angles(Int32Array.of(20), 21)]).toEqual([Math.cos(20), Math.sin(20)].map(Math.fround));
  });

  it('yarn: fast pairs as they are, slow ones divided, all scaled by 0.1 log factor + 1', () => {
    const wide = { headDim: 32, maxPositions: 64 };
    const rotary = rotaryOf({ rope_scaling: { type: 'yarn', factor: 4 } }, wide);
    const row = rotary.angles(Int32Array.of(1), 2);
    const scale = 0.1 * Math.log(4) + 1;
    expect(row[0]).toBeCloseTo(scale * Math.cos(1), 6);
    expect(row[16 + 15]).toBeCloseTo(scale * Math.sin(10_000 ** (-15 / 16) / 4), 9);
    const given = { type: 'yarn', factor: 4, attention_factor: 0.5 };
    expect(rotaryOf({ rope_scaling: given }, wide).angles(Int32Array.of(0), 1)[0]).toBe(0.5);
    const mscales = { type: 'yarn', factor: 4, mscale: 2, mscale_all_dim: 1 };
    expect(rotaryOf({ rope_scaling: mscales }, wide).angles(Int32Array.of(0), 1)[0]).toBeCloseTo(
      (0.2 * Math.log(4) + 1) / scale,
      6,
    );
  });
});
