import { describe, expect, it } from 'vitest';
import { readExperiment } from '../../src/experiments/file.js';
import { readLinedJson } from '../../src/experiments/json.js';

const none = () => {
  throw new Error('no file beside it');
};
const read = (content: string, base?: string) =>
  readExperiment(content, 'grid.json', base === undefined ? none : (name) => ({ content: base, path: name }));
const message = (content: string, base?: string): string => {
  try {
    read(content, base);
  } catch (error) {
    return (error as Error).message;
  }
  return 'nothing';
};

describe('JSON with lines', () => {
  it('reads what JSON.parse reads, and knows where it stands', () => {
    const text = '{\n  "a": [1, -2.5e3,\n    {"b": null}],\n  "c\\u0041\\n": "\\"x",\n  "d": {}, "e": []\n}\n';
    const { value, lineOf, has } = readLinedJson(text, 'f');
    expect(value).toEqual(JSON.parse(text));
    expect([['a'], ['a', 1], ['a', 2, 'b'], ['cA\n'], ['e'], []].map(lineOf)).toEqual([2, 2, 3, 4, 5, 1]);
    // Of what is not there, the line of what it would be in.
    expect([lineOf(['a', 2, 'x', 'y']), has(['a', 2]), has(['x'])]).toEqual([3, true, false]);
    expect(readLinedJson('\ufeff{"a":1}', 'f').value).toEqual({ a: 1 });
  });

  it.each([
    ['{\n "a": 1\n "b": 2}', 'f, line 3: found "b": 2}, expected a comma or }. It must be JSON.'],
    ['[1, 2', 'f, line 1: found the end of the file, expected a comma or ]. It must be JSON.'],
    ['', 'f, line 1: found the end of the file, expected a value. It must be JSON.'],
    ['{a: 1}', 'f, line 1: found a: 1}, expected a name in double quotes. It must be JSON.'],
    ['{"a" 1}', 'expected a colon'],
    ['{"a": 01}', 'expected a comma or }'],
    ['{"a": tru}', 'expected a value'],
    ['{"a": "x\ny"}', 'expected a value'],
    ['{}\n{}', 'f, line 2: found {}, expected nothing more.'],
    ['{"a": 1,\n\n"a": 2}', 'f, line 3: a is there twice in one object, first in line 1. Remove one of them.'],
    ['['.repeat(60), 'expected no more than 50 objects and lists within each other'],
  ])('refuses %j', (text, words) => {
    expect(() => readLinedJson(text, 'f')).toThrow(words);
  });
});

const whole = {
  title: 'Losses',
  train: { data: 'train.jsonl', method: 'kd' },
  eval: { data: 'test.jsonl' },
  axes: { loss: { KL: { loss: 'forwardKL' }, skew: { loss: 'skewKL', alpha: 0.1 } }, seed: [1, 2] },
};
const lined = (value: object) => JSON.stringify(value, undefined, 1);
const but = (more: object) => lined({ ...whole, ...more });

describe("an experiment's file", () => {
  it('has its defaults', () => {
    const { spec, where } = read(lined(whole));
    expect(spec).toEqual({ ...whole, about: [], prepare: {}, leaveOut: [], compareWith: {}, figures: [], claims: [] });
    expect(where(['axes', 'loss', 'skew', 'alpha'])).toBe('grid.json, line 17');
  });

  it('takes from the file that it extends what it does not have itself, option by option', () => {
    const prepare = { teacher: { method: 'sft' }, start: { method: 'sft' } };
    const base = {
      ...{ train: { data: 'base.jsonl', steps: 5 }, eval: { data: 'base.jsonl' }, compareWith: { a: 'm' }, prepare },
    };
    const { train, ...rest } = whole;
    const { spec, where } = read(
      lined({
        ...rest,
        extends: 'base.json',
        train: { steps: 9, seed: null },
        eval: null,
        compareWith: null,
        prepare: { start: null },
      }),
      lined(base),
    );
    expect(spec.train).toEqual({ data: 'base.jsonl', steps: 9 });
    expect([spec.eval, spec.compareWith]).toEqual([undefined, {}]);
    expect(spec.prepare).toEqual({ teacher: { method: 'sft' } });
    expect(where(['train', 'data'])).toBe('base.json, line 3');
    expect(where(['train', 'steps'])).toMatch(/^grid\.json, line \d+$/);
  });

  it.each([
    [but({ axis: {} }), /^grid\.json, line 25: there is no field 'axis'\. Did you mean axes\?$/],
    [but({ axes: {} }), /^grid\.json, line \d+: 'axes' is \{\}, expected an object with at least one axis\.$/],
    [but({ axes: { seed: [] } }), /'axes\.seed' is \[\], expected/],
    [but({ axes: { seed: [1, 2, 1] } }), /^grid\.json, line 11: 'axes\.seed' has 1 twice/],
    [but({ train: 3 }), /^grid\.json, line 3: 'train' is 3, expected an object of options\.$/],
    [but({ title: undefined }), /^grid\.json, line 1: 'title' is missing, expected some text\.$/],
    [but({ leaveOut: [{ los: 'KL' }] }), /there is no axis 'los', expected one of loss, seed\. Did you mean loss\?$/],
    [but({ leaveOut: [{ loss: 'RKL' }] }), /there is no RKL on the axis 'loss', expected one of KL, skew\./],
    [but({ figures: [{ kind: 'pie', title: 'x' }] }), /'figures\[0\]\.kind'|'figures\[0\]'/],
    [
      but({ figures: [{ kind: 'lines', title: 'x', measure: 'rougeL', x: 'loss' }] }),
      /'loss' has the value KL, expected an axis of numbers for a figure of lines\.$/,
    ],
    [
      but({ claims: [{ text: 't', measure: 'm', of: { loss: 'KL' }, over: { loss: 'skew' } }] }),
      /'claims\[0\]' is .*expected a claim with atLeast, atMost or both\.$/,
    ],
    [
      but({ claims: [{ text: 't', measures: 'm' }] }),
      /line \d+: there is no field 'claims\[0\]\.measures'\. Did you mean measure\?$/,
    ],
    [
      but({ figures: [{ kind: 'curves', title: 'x', chart: 'phi' }] }),
      /there is no field 'figures\[0\]\.chart'\. Expected one of kind, title, curve\.$/,
    ],
    [
      but({ figures: [{ kind: 'curves', title: 'x', curve: 'gradNrm' }] }),
      /'figures\[0\]\.curve' is gradNrm, expected one of trainingLoss, .*\. Did you mean gradNorm\?$/,
    ],
    [
      but({ measures: ['rougeL', 'rougeM'] }),
      /^grid\.json, line \d+: 'measures\[1\]' is rougeM, expected one of rouge1, .*\. Did you mean .*\?$/,
    ],
    [
      but({ figures: [{ kind: 'bars', title: 'x', measure: 'rougeX' }] }),
      /line \d+: 'figures\[0\]\.measure' is rougeX, expected one of .* Did you mean/,
    ],
    [
      but({ figures: [{ kind: 'bars', title: 'x', measure: ['stepSeconds', 'nothing of all'] }] }),
      /line \d+: 'figures\[0\]\.measure\[1\]' is nothing of all, expected one of .*, cutAnswers\.$/,
    ],
    [
      but({ figures: [{ kind: 'lines', title: 'x', measure: 'fi', x: 'seed' }] }),
      /'figures\[0\]\.measure' is fi, expected one of/,
    ],
    [
      but({ claims: [{ text: 't', measure: 'rougeX', of: { loss: 'KL' }, over: { loss: 'skew' }, atLeast: 0 }] }),
      /line \d+: 'claims\[0\]\.measure' is rougeX, expected one of .* Did you mean/,
    ],
    [
      but({ eval: undefined, measures: ['bleu'] }),
      /'measures\[0\]' is bleu, a score, and there is no 'eval' that says how runs are scored\. Add it\.$/,
    ],
    [
      but({ measures: ['agreement'] }),
      /'measures\[0\]' is agreement, .* no run has 'compareEvery'\. Add it to 'train'\.$/,
    ],
    [
      but({ eval: undefined, compareWith: { teacher: 'm' } }),
      /'compareWith' names models to score, and there is no 'eval'/,
    ],
    [
      but({ extends: '../base.json' }),
      /'extends' is \.\.\/base\.json, expected the name of a file in the same folder\.$/,
    ],
    ['[]', /^grid\.json, line 1: the experiment is \[\], expected an object/],
  ])('is refused with its line: %#', (content, words) => {
    expect(message(content)).toMatch(words);
  });

  it('may ask for comparisons of the two models where a run makes them', () => {
    const measures = ['teacherEntropy', 'studentEntropy', 'agreement', 'overlap', 'answerLength'];
    expect(read(but({ measures, train: { compareEvery: 5 } })).spec.measures).toEqual(measures);
    const axes = { loss: { KL: {}, skew: { compareEvery: 5 } } };
    expect(read(but({ measures, axes })).spec.measures).toEqual(measures);
    expect(message(but({ measures, train: { compareEvery: 0 } }))).toContain("no run has 'compareEvery'");
  });

  it('is refused where the file that it extends is no such file, naming that', () => {
    expect(message(but({ extends: 'b.json' }), '{\n"train": 1,}')).toMatch(/^b\.json, line 2: /);
    expect(message(but({ extends: 'b.json' }), '{"extends": "c.json"}')).toMatch(/extends no other file\.$/);
    const bad = lined({ title: 'x', trains: {} });
    expect(message(but({ extends: 'b.json' }), bad)).toBe(
      "b.json, line 3: there is no field 'trains'. Did you mean train?",
    );
  });
});
