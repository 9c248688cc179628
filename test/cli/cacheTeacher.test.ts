import { readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { testTerminal } from './terminal.js';
import { distillm, type Finished, makeWorkspace } from './workspace.js';

let folder: string;
const at = (name: string) => join(folder, name);
const common = () => [
  '--data',
  at('train.jsonl'),
  '--template',
  'compact',
  '--max-length',
  '90',
  '--device',
  'wasm',
  '--threads',
  '1',
];
const cacheTeacher = (...more: string[]): Promise<Finished> =>
  distillm('cache-teacher', { more: ['--teacher', at('teacher/last'), '--top-k', '8', ...common(), ...more] });
const train = (...more: string[]): Promise<Finished> =>
  distillm('train', {
    more: [
      '--student',
      at('student/last'),
      '--steps',
      '3',
      '--batch-size',
      '4',
      '--rouge-samples',
      '0',
      ...common(),
      ...more,
    ],
  });
const stepsIn = async (run: string) =>
  (await readFile(join(at(run), 'log.jsonl'), 'utf8'))
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line) as { type: string; loss: number })
    .filter(({ type }) => type === 'step');

beforeAll(async () => {
  folder = await makeWorkspace();
  const made = await distillm('tokenizer', {
    more: ['--data', at('train.jsonl'), '--vocab-size', '280', '--out', at('tokenizer')],
  });
  expect(made.code).toBe(0);
  for (const [out, seed] of [
    ['teacher', '3'],
    ['student', '4'],
  ] as const) {
    const sft = [
      '--method',
      'sft',
      '--student-config',
      at('config.json'),
      '--tokenizer',
      at('tokenizer'),
      '--steps',
      '2',
    ];
    const { code, err } = await distillm('train', { more: [...sft, '--seed', seed, ...common(), '--out', at(out)] });
    expect([code, err]).toEqual([0, expect.stringContaining('Done')]);
  }
}, 60_000);
afterAll(() => rm(folder, { recursive: true }));

describe('distillm cache-teacher', () => {
  it('writes a cache from which train learns without a teacher, and which goes on as such', async () => {
    const made = await cacheTeacher('--out', at('cache'));
    expect([made.code, made.err]).toEqual([0, expect.stringContaining('Train with it:')]);
    // The lengths are those that it came to.
    expect(made.err).toContain(
      `train --method kd --teacher-cache ${at('cache')} --data ${at('train.jsonl')} --template compact --max-prompt-length 45 ` +
        '--max-length 90 --student ... --out ...\n',
    );
    expect(JSON.parse(made.out)).toMatchObject({ cache: at('cache'), reason: 'finished', isWhole: true, missing: [] });
    const run = await train('--method', 'kd', '--teacher-cache', at('cache'), '--out', at('cached'));
    expect([run.code, run.err]).toEqual([
      0,
      expect.stringMatching(/Teacher: \d+ predictions in .*cache, the 8 likeliest/),
    ]);
    expect(run.err).not.toContain('teacher 1');
    const live = await train('--method', 'kd', '--teacher', at('teacher/last'), '--out', at('live'));
    expect(live.code).toBe(0);
    const [cached, full] = [await stepsIn('cached'), await stepsIn('live')];
    expect(cached).toHaveLength(3);
    cached.forEach(({ loss }, i) => {
      expect(loss).toBeGreaterThan(0);
      expect(loss).toBeLessThan(full[i]!.loss);
    });
    const longer = await distillm('train', { more: ['--resume', '--out', at('cached'), '--steps', '4'] });
    expect([longer.code, longer.err]).toEqual([0, expect.stringContaining('going on after step 3')]);
    const again = await cacheTeacher('--out', at('cache'));
    expect([again.code, again.err]).toEqual([0, expect.stringContaining('18 are there')]);
    const verified = await distillm('cache-teacher --verify --out', { more: [at('cache')] });
    expect([verified.code, verified.err]).toEqual([0, expect.stringContaining(': whole. ')]);
    expect(JSON.parse(verified.out)).toMatchObject({ topK: 8, data: { samples: 18 } });
  }, 200_000);

  it('prints a training that takes the cache, with all that it must match', async () => {
    const made = await cacheTeacher(
      ...['--validation', '3', '--validation-order', 'first', '--loss-temperature', '2', '--max-prompt-length', '30'],
      ...['--fields', 'instruction=instruction,output=output', '--tokenizer', at('tokenizer'), '--out', at('matched')],
    );
    const [, words = ''] =
      /Train with it:\n {2}npx distillm (train .*) --student \.\.\. --out \.\.\.\n/.exec(made.err) ?? [];
    for (const each of ['--validation 3 --validation-order first', '--loss-temperature 2', '--max-prompt-length 30'])
      expect(words).toContain(each);
    const line = `${words} --student ${at('student/last')} --steps 1 --rouge-samples 0 --device wasm --threads 1 --out ${at('as-told')}`;
    const run = await distillm(line);
    expect(run.code, run.err).toBe(0);
  });

  it('shares the work, stops at Ctrl-C and goes on, and names the file that is damaged', async () => {
    const first = await cacheTeacher('--shard', '2/2', '--out', at('shards'));
    expect([first.code, first.err]).toEqual([0, expect.stringContaining('whole when these shards are: 1/2')]);
    const missing = await distillm('cache-teacher --verify --out', { more: [at('shards')] });
    expect([missing.code, missing.err]).toEqual([1, expect.stringContaining('not whole yet: shard-1-of-2')]);
    const terminal = testTerminal({
      wrote: (err, pressed) => void (err.includes('Predicting') && !err.includes('Stopping') && pressed.interrupt()),
    });
    const more = [
      '--teacher',
      at('teacher/last'),
      '--top-k',
      '8',
      ...common(),
      '--shard',
      '1/2',
      '--out',
      at('shards'),
    ];
    const stopped = await distillm('cache-teacher', { more, terminal });
    expect([stopped.code, stopped.err]).toEqual([130, expect.stringContaining('The same command goes on.')]);
    expect((await cacheTeacher('--shard', '1/2', '--out', at('shards'))).code).toBe(0);
    const [part = ''] = (await readdir(at('shards/shard-1-of-2'))).filter((name) => name.endsWith('.safetensors'));
    const file = join(at('shards/shard-1-of-2'), part);
    const bytes = await readFile(file);
    bytes[bytes.length - 9]! ^= 1;
    await writeFile(file, bytes);
    for (const command of [
      () => distillm('cache-teacher --verify --out', { more: [at('shards')] }),
      () => train('--method', 'kd', '--teacher-cache', at('shards'), '--out', at('never')),
    ]) {
      const { code, err } = await command();
      expect([code, err]).toEqual([1, expect.stringContaining(`${part}: its bytes are not those that were written`)]);
    }
    const mended = await cacheTeacher('--shard', '1/2', '--out', at('shards'));
    expect(mended.err).toContain(`${part} is damaged and made anew`);
    const verify = () => distillm('cache-teacher --verify --out', { more: [at('shards')] });
    expect((await verify()).code).toBe(0);
    await writeFile(at('shards/shard-2-of-2/shard.json'), '{');
    const found = await verify();
    expect([found.code, found.err]).toEqual([1, expect.stringContaining('shard-2-of-2/shard.json: it is no JSON')]);
    const anew = await cacheTeacher('--shard', '2/2', '--out', at('shards'));
    expect([anew.code, anew.err]).toEqual([0, expect.stringContaining('shard.json is damaged and made anew')]);
    expect((await verify()).code).toBe(0);
  }, 200_000);

  it.each([
    [['--shard', '3/2'], '--shard is 3/2, expected which share of how many, as in 2/4'],
    [['--top-k', '999'], '--top-k is 999, expected at most the 280 tokens'],
    [['--verify'], '--verify looks at what is in --out, where --'],
  ])('%s is refused', async (more, words) => {
    const { code, err } = await cacheTeacher(...more, '--out', at('refused'));
    expect([code, err]).toEqual([2, expect.stringContaining(words)]);
  });

  it('says what is missing, and train what a cache does not serve', async () => {
    const nothing = await distillm('cache-teacher --out', { more: [at('refused')] });
    expect([nothing.code, nothing.err]).toEqual([2, expect.stringContaining('needs --teacher and --data')]);
    for (const [more, words] of [
      [[], "--sgo adaptiveOffPolicy trains on the student's own answers"],
      [['--method', 'kd', '--teacher', at('teacher/last')], 'each is what to learn from'],
      [['--method', 'kd', '--teacher-dtype', 'int8'], 'the predictions of a cache need no model'],
      [['--method', 'sft'], '--teacher-cache does nothing with --method sft'],
      [['--method', 'kd', '--loss-temperature', '2'], '--loss-temperature is 2, the predictions in'],
      [['--method', 'kd', '--validation', '4'], 'samples to train on are 18 there, 16 here'],
    ] as const) {
      const { code, err } = await train('--teacher-cache', at('cache'), ...more, '--out', at('refused'));
      expect([code, err]).toEqual([expect.any(Number), expect.stringContaining(words)]);
      expect(code).not.toBe(0);
    }
  });
});
