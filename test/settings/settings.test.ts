import { describe, expect, it } from 'vitest';
import { z } from 'zod';
import { flagsOf, kindFlags, makeKind, optionsFrom } from '../../src/cli/flags.js';
import type { OptionSpec } from '../../src/cli/options.js';
import { OptionError } from '../../src/errors.js';
import {
  checkOption,
  checkOptions,
  group,
  leavesOf,
  option,
  ranges,
  variant,
  variantSchema,
} from '../../src/settings/index.js';

const options = z.strictObject({
  size: option(ranges.count.default(8), 'how many', { unit: 'samples' }),
  shape: option(ranges.choice(['round', 'square']).default('round'), 'what it looks like', { mayChange: true }),
  turned: option(ranges.switched.default(false), 'whether it is turned'),
  room: option(ranges.count.optional(), 'how far', { defaultWords: 'what there is' }),
  hidden: option(ranges.text.optional(), 'not for the command line', { flag: false }),
  inner: group(
    z.strictObject({
      share: option(ranges.share.default(0.5), 'how much'),
      pair: option(z.tuple([ranges.share, ranges.share], 'two shares').default([0, 1]), 'from and to', {
        flag: 'ends',
      }),
    }),
    'part',
  ),
  list: option(z.array(ranges.count).readonly().optional(), 'frozen when it is read', { flag: false }),
});

const cyclic: Record<string, unknown> = {};
cyclic.self = cyclic;

describe('ranges', () => {
  const { count, countOr, openShare, seed, shareBelow1, someShare, integer } = ranges;
  it.each<[string, z.ZodType, unknown[], unknown[]]>([
    ['an integer of at least 1', count, [1, 2 ** 53 - 1], [0, 1.5, -1, 2 ** 53, Number.NaN, '1', undefined]],
    ['an integer from 3 to 5', integer(3, 5), [3, 5], [2, 6, 4.5]],
    ['an integer from 0 to 2^53 - 1', seed, [0, 2 ** 53 - 1], [-1, 2 ** 53, 0.5]],
    ["'epoch' or an integer of at least 1", countOr('epoch'), ['epoch', 1], ['never', 0, 1.5]],
    ['a number above 0 and below 1', openShare, [1e-9, 0.999], [0, 1, Number.POSITIVE_INFINITY]],
    ['a number of at least 0 and below 1', shareBelow1, [0, 0.999], [-1e-9, 1]],
    ['a number above 0 and at most 1', someShare, [1e-9, 1], [0, 1.001]],
  ])('%s: every value outside is refused in these words', (words, range, inside, outside) => {
    for (const value of inside) expect(checkOption('test', 'x', value, range)).toBe(value);
    for (const value of outside) {
      const found = typeof value === 'string' ? `the string '${value}'` : value;
      expect(() => checkOption('test', 'x', value, range)).toThrow(`test: x is ${found}, expected ${words}.`);
    }
  });
});

describe('options', () => {
  it('have their defaults, those of absent groups as well', () => {
    const defaults = { size: 8, shape: 'round', turned: false, inner: { share: 0.5, pair: [0, 1] } };
    expect(checkOptions('test', options, {})).toEqual(defaults);
    expect(checkOptions('test', options, { inner: { share: 1 } }).inner).toEqual({ share: 1, pair: [0, 1] });
  });

  it.each<[object, string, unknown]>([
    [{ size: 0 }, 'test: size is 0, expected an integer of at least 1.', 0],
    [{ shape: 'oval' }, 'test: shape is oval, expected one of round, square.', 'oval'],
    [{ shape: () => 1 }, 'test: shape is a function, expected one of round, square.', expect.any(Function)],
    [{ inner: { share: { of: 1 } } }, 'test: inner.share is {"of":1}, expected a number from 0 to 1.', { of: 1 }],
    [{ inner: { pair: 3 } }, 'test: inner.pair is 3, expected two shares.', 3],
    [
      { sise: 1 },
      'test: there is no option sise, expected one of size, shape, turned, room, hidden, inner, list. Did you mean size?',
      ['sise'],
    ],
    [
      { inner: { shar: 1 } },
      'test: there is no option inner.shar, expected one of inner.share, inner.pair. Did you mean inner.share?',
      ['shar'],
    ],
    [{ shape: 'suqare' }, 'test: shape is suqare, expected one of round, square. Did you mean square?', 'suqare'],
    [{ list: [1, 0] }, 'test: list[1] is 0, expected an integer of at least 1.', 0],
    [
      { constructor: 1 },
      'test: there is no option constructor, expected one of size, shape, turned, room, hidden, inner, list.',
      ['constructor'],
    ],
    [{ inner: null }, 'test: inner is null, expected an object of options.', null],
    [{ inner: new Map() }, 'test: inner is a Map, expected an object of options.', new Map()],
    [{ inner: new Set() }, 'test: inner is a Set, expected an object of options.', new Set()],
    [{ inner: new Date(0) }, 'test: inner is a Date, expected an object of options.', new Date(0)],
    [{ inner: Promise.resolve() }, 'test: inner is a Promise, expected an object of options.', expect.any(Promise)],
    [{ inner: [] }, 'test: inner is [], expected an object of options.', []],
    [
      { size: { n: 1n, map: new Map() } },
      'test: size is {"n":"1n","map":"a Map"}, expected an integer of at least 1.',
      { n: 1n, map: new Map() },
    ],
    [{ size: cyclic }, 'test: size is an object that JSON cannot hold, expected an integer of at least 1.', cyclic],
    [
      cyclic,
      'test: there is no option self, expected one of size, shape, turned, room, hidden, inner, list.',
      ['self'],
    ],
    [
      { inner: { pair: Float32Array.of(0, 1) } },
      'test: inner.pair is a Float32Array, expected two shares.',
      Float32Array.of(0, 1),
    ],
    [{ list: Int32Array.of(1) }, 'test: list is an Int32Array, expected an array.', Int32Array.of(1)],
    [new Map(), 'test: options is a Map, expected an object of options.', new Map()],
    [
      { shape: 'o'.repeat(1e5) },
      `test: shape is ${'o'.repeat(100)}... (100000 characters), expected one of round, square.`,
      'o'.repeat(1e5),
    ],
    [
      { inner: { ['o'.repeat(1e5)]: 1 } },
      `test: there is no option inner.${'o'.repeat(94)}... (100006 characters), expected one of inner.share, inner.pair.`,
      ['o'.repeat(1e5)],
    ],
  ])('case %# is refused by name, with what was found', (given, message, found) => {
    const refused = () => checkOptions('test', options, given);
    expect(refused).toThrow(OptionError);
    expect(refused).toThrow(expect.objectContaining({ message, found }));
  });

  it('one name that there is not is the option of its error; of several, none is', () => {
    expect(() => checkOptions('test', options, { sise: 1 })).toThrow(expect.objectContaining({ option: 'sise' }));
    expect(() => checkOptions('test', options, { inner: { shar: 1 } })).toThrow(
      expect.objectContaining({ option: 'inner.shar' }),
    );
    expect(() => checkOptions('test', options, { a: 1, b: 1 })).toThrow(
      expect.not.objectContaining({ option: expect.anything() }),
    );
  });

  it('a name of a group that is written outside of it is found there, before what merely looks like it', () => {
    const nested = z.strictObject({
      pear: option(ranges.count.optional(), 'near to the name in the group'),
      one: group(z.strictObject({ peer: option(ranges.count.optional(), 'the name', { alsoCalled: ['equal'] }) })),
      two: group(z.strictObject({ peer: option(ranges.count.optional(), 'the same name') })),
    });
    const refused = (given: object) => () => checkOptions('test', nested, given);
    expect(refused({ peer: 1 })).toThrow('Did you mean one.peer or two.peer?');
    expect(refused({ equal: 1 })).toThrow('Did you mean one.peer?');
    expect(refused({ paer: 1 })).toThrow('Did you mean pear?');
    expect(refused({ equla: 1 })).toThrow('Did you mean one.peer?');
    expect(refused({ nothing: 1 })).toThrow(/expected one of pear, one, two\.$/);
  });

  it('say everything else about themselves', () => {
    expect(leavesOf(options).map(({ path, flag, default: value }) => [path.join('.'), flag, value])).toEqual([
      ['size', 'size', 8],
      ['shape', 'shape', 'round'],
      ['turned', 'turned', false],
      ['room', 'room', undefined],
      ['hidden', false, undefined],
      ['inner.share', 'partShare', 0.5],
      ['inner.pair', 'ends', [0, 1]],
      ['list', false, undefined],
    ]);
    expect(leavesOf(options).filter(({ mayChange }) => mayChange)).toHaveLength(1);
  });
});

describe('flags', () => {
  it('follow from the options: placeholder, line and default', () => {
    const shown = Object.entries<OptionSpec<unknown>>(flagsOf(options, { partShare: 'all' })).map(
      ([name, { argument, description }]) => [name, argument, description],
    );
    expect(shown).toEqual([
      ['size', '<samples>', 'how many (default: 8)'],
      ['shape', '<name>', 'what it looks like: round, square (default: round)'],
      ['turned', undefined, 'whether it is turned'],
      ['room', '<number>', 'how far (default: what there is)'],
      ['partShare', '<number>', 'how much (default: all)'],
      ['ends', '<number>', 'from and to (default: 0,1)'],
    ]);
  });

  it('give the options back, nested; an absent flag stays absent', () => {
    const values = { size: 3, partShare: 0.25, ends: [0, 0.5], other: 1, shape: undefined };
    expect(optionsFrom(options, values)).toEqual({ size: 3, inner: { share: 0.25, pair: [0, 0.5] } });
  });

  it('read what is typed', () => {
    const read = (flag: string, text: string) =>
      (flagsOf(options) as Record<string, { schema?: z.ZodType }>)[flag]!.schema!.safeParse(text);
    expect(read('size', '3').data).toBe(3);
    expect(read('shape', 'square').data).toBe('square');
    expect(read('ends', '0,0.5').data).toEqual([0, 0.5]);
    for (const [flag, text, words] of [
      ['size', '3x', 'an integer of at least 1'],
      ['size', ' ', 'an integer of at least 1'],
      ['ends', '0,2', 'two shares'],
      ['ends', '1', 'two shares'],
      ['ends', ',', 'two shares'],
      ['ends', '0.5,', 'two shares'],
      ['ends', ', 0.5', 'two shares'],
    ] as const) {
      expect(read(flag, text).error!.issues[0]!.message).toBe(words);
    }
  });
});

describe('kinds', () => {
  const shared = option(ranges.count.default(1), 'how often');
  const plain = variant('plain', z.strictObject({ shared }), {});
  const mixed = variant(
    'mixed',
    z.strictObject({ shared, share: option(ranges.share.default(0), 'of the first') }),
    {},
  );
  const skewed = variant(
    'skewed',
    z.strictObject({ shared, share: option(ranges.openShare.default(0.1), 'of the last') }),
    {},
  );
  const none = variant('none', z.strictObject({}), {});
  const table = { plain, mixed, skewed, none };

  it('are data that JSON holds', () => {
    expect(mixed({ share: 1 })).toEqual({ kind: 'mixed', shared: 1, share: 1 });
    expect(() => mixed(null as never)).toThrow('mixed: options is null, expected an object of options.');
    expect(() => skewed({ share: 1 })).toThrow('skewed: share is 1, expected a number above 0 and below 1.');
    const schema = variantSchema(table);
    expect(schema.parse(JSON.parse(JSON.stringify(mixed())))).toEqual(mixed());
    const refused = (value: unknown) => () => checkOption('test', 'x', value, schema);
    expect(refused({ kind: 'odd' })).toThrow('expected one of plain, mixed, skewed, none');
    expect(refused({ kind: 'plain', share: 1 })).toThrow(OptionError);
    const holder = z.strictObject({ thing: schema });
    const held = (thing: unknown) => () => checkOptions('test', holder, { thing });
    expect(held(mixed)).toThrow(
      'test: thing is a function, expected one of plain, mixed, skewed, none. Call it: mixed().',
    );
    expect(held({ kind: 'mixd' })).toThrow(
      'test: thing.kind is mixd, expected one of plain, mixed, skewed, none. Did you mean mixed?',
    );
    expect(held({ ...mixed(), shrae: 1 })).toThrow(
      'test: there is no option thing.shrae, expected one of thing.shared, thing.share, thing.kind. Did you mean thing.share?',
    );
  });

  it('share flags, whose lines say of which kinds they are', () => {
    const lines = Object.entries<OptionSpec<unknown>>(kindFlags(table)).map(([name, { description }]) => [
      name,
      description,
    ]);
    expect(lines).toEqual([
      ['shared', 'how often (default: 1)'],
      ['share', 'mixed: of the first (default: 0); skewed: of the last (default: 0.1)'],
    ]);
  });

  it('are made of flags, and refuse those of others', () => {
    expect(makeKind('thing', table, 'mixed', { share: 1 })).toEqual(mixed({ share: 1 }));
    expect(() => makeKind('thing', table, 'plain', { share: 1 })).toThrow(
      '--share does not apply to the thing plain, only to mixed and skewed. Leave it out.',
    );
    expect(() => makeKind('thing', table, 'skewed', { share: 1 })).toThrow(OptionError);
  });
});
