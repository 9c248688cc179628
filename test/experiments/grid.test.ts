import { describe, expect, it } from 'vitest';
import { readExperiment } from '../../src/experiments/file.js';
import { axesIn, gridOf, type Settings, sharedLabels, withValues } from '../../src/experiments/grid.js';

const specOf = (value: object) =>
  readExperiment(JSON.stringify({ title: 't', train: {}, axes: { seed: [1] }, ...value }), 'f', () => {
    throw new Error('none');
  }).spec;
const plain = (settings: Settings | undefined) =>
  settings && Object.fromEntries([...settings].map(([name, { value }]) => [name, value]));

describe('the grid', () => {
  it('is every combination, the last axis changing fastest, with settings of axes before those of all', () => {
    const runs = gridOf(
      specOf({
        train: { lr: 1, alpha: 0.5, out: 'm-{loss}-{seed}' },
        axes: { loss: { KL: { alpha: null }, skew: { loss: 'skewKL', lr: 2 } }, seed: [1, 2] },
      }),
    );
    expect(runs.map(({ labels }) => Object.values(labels).join(' '))).toEqual(['KL 1', 'KL 2', 'skew 1', 'skew 2']);
    expect(plain(runs[0]?.train)).toEqual({ lr: 1, out: 'm-KL-1', seed: 1 });
    expect(plain(runs[3]?.train)).toEqual({ lr: 2, alpha: 0.5, out: 'm-skew-2', loss: 'skewKL', seed: 2 });
    expect(runs[3]?.train?.get('loss')?.keys).toEqual(['axes', 'loss', 'skew', 'loss']);
    expect(runs[0]?.eval).toBeUndefined();
  });

  it('leaves out places, by some axes or all', () => {
    const axes = { a: [1, 2], b: ['x', 'y'], seed: [1, 2] };
    const places = (leaveOut: object[]) =>
      gridOf(specOf({ axes, leaveOut })).map(({ labels }) => Object.values(labels).join(''));
    expect(places([{ a: 2, b: 'y' }])).toEqual(['1x1', '1x2', '1y1', '1y2', '2x1', '2x2']);
    expect(places([{ a: 1 }, { b: 'x', seed: 2 }])).toEqual(['2x1', '2y1', '2y2']);
  });

  it('gives scoring the options of an axis, and scores models that are compared', () => {
    const runs = gridOf(
      specOf({
        eval: { data: 'a', seeds: [1] },
        axes: { task: { one: {}, two: { eval: { data: 'b' }, lr: 3 } }, seed: [7] },
        compareWith: { teacher: 'prepared:teacher' },
      }),
    );
    expect(runs.map(({ train }) => plain(train))).toEqual([{ seed: 7 }, { lr: 3, seed: 7 }, undefined, undefined]);
    expect(runs.map(({ eval: scored }) => plain(scored)?.data)).toEqual(['a', 'b', 'a', 'b']);
    expect(plain(runs[3]?.eval)).toEqual({ data: 'b', seeds: [1], model: 'prepared:teacher' });
    expect(runs[3]?.labels).toEqual({ task: 'teacher', seed: '7' });
  });

  it('puts values of axes into texts, and keeps their kind where nothing stands around them', () => {
    const values = new Map<string, unknown>([['seed', 3]]);
    expect(withValues(['{seed}', 'a{seed}b', '{other}', { x: '{seed}' }, 4], values)).toEqual([
      3,
      'a3b',
      '{other}',
      { x: 3 },
      4,
    ]);
  });

  it('knows the axes that a value names', () => {
    const values = new Map<string, unknown>([
      ['seed', 3],
      ['model', 'T5'],
    ]);
    expect(axesIn({ a: ['{seed}', 4, null], b: { c: 'x-{model}-{other}' } }, values)).toEqual(['seed', 'model']);
    expect(axesIn('plain', values)).toEqual([]);
  });

  it('drops the axes on which places with one result differ', () => {
    expect(
      sharedLabels([
        { a: 'x', seed: '1' },
        { a: 'x', seed: '2' },
      ]),
    ).toEqual({ a: 'x' });
  });
});
