/** Several teachers and prompts without answers on the command line. */
import { existsSync } from 'node:fs';
import { readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { distillm, makeWorkspace } from './workspace.js';

let folder: string;
const path = (...parts: string[]) => join(folder, ...parts);
const tiny = '--device wasm --threads 1 --template compact --batch-size 4';
const small = '--steps 2 --rouge-samples 0 --max-new-tokens 4 --no-dropout';
const train = (line: string) => distillm(`train ${tiny} ${small} --student-config ${path('config.json')} ${line}`);
const linesOf = async (name: string): Promise<Record<string, unknown>[]> =>
  (await readFile(path(name), 'utf8'))
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line));
const lossesOf = async (out: string) =>
  (await linesOf(`${out}/log.jsonl`)).filter(({ type }) => type === 'step').map(({ loss }) => loss);
const write = (name: string, records: readonly object[]) =>
  writeFile(path(name), records.map((record) => `${JSON.stringify(record)}\n`).join(''));

beforeAll(async () => {
  folder = await makeWorkspace();
  await distillm(
    `tokenizer --data ${path('train.jsonl')} --template compact --vocab-size 280 --out ${path('tokenizer')}`,
  );
  for (const [seed, name] of ['one', 'two'].entries()) {
    const made = await train(
      `--method sft --data ${path('train.jsonl')} --tokenizer ${path('tokenizer')} --seed ${seed} --steps 1 --validation 0 --out ${path(name)}`,
    );
    expect(made.code, made.err).toBe(0);
  }
  const records = await linesOf('train.jsonl');
  const subjectOf = (i: number) => (i % 2 === 0 ? 'math' : 'code');
  await write(
    'routed.jsonl',
    records.map((record, i) => ({ ...record, subject: subjectOf(i) })),
  );
  await write(
    'prompts.jsonl',
    records.map(({ instruction }) => ({ instruction })),
  );
  await write(
    'chats.jsonl',
    records.map(({ instruction }) => ({ messages: [{ role: 'user', content: instruction }] })),
  );
});
afterAll(() => rm(folder, { recursive: true }));
const two = () => `--teacher math=${path('one/last')} code=${path('two/last')} --teacher-field subject`;

describe('--teacher-field', () => {
  it.each(['kd', 'distillm', 'minillm', 'seqkd'])('has %s taught by several teachers', async (method) => {
    const line = `--data ${path('routed.jsonl')} --validation 4 --method ${method}`;
    const { code, err } = await train(`${line} ${two()} --out ${path(method)}`);
    expect(code, err).toBe(0);
    const counts =
      /^Teacher math: [\d,]+ parameters, of (\d+) records?\nTeacher code: [\d,]+ parameters, of (\d+) /m.exec(err);
    expect(Number(counts?.[1]) + Number(counts?.[2])).toBe(16);
    // What one teacher for all would have taught is something else.
    const one = await train(`${line} --teacher ${path('one/last')} --out ${path(`${method}-one`)}`);
    expect(one.code, one.err).toBe(0);
    expect(await lossesOf(method)).not.toEqual(await lossesOf(`${method}-one`));
    const equal = await train(
      `${line} --teacher math=${path('one/last')} code=${path('one/last')} --teacher-field subject --out ${path(`${method}-equal`)}`,
    );
    expect(equal.code, equal.err).toBe(0);
    const [found, expected] = [await lossesOf(`${method}-equal`), await lossesOf(`${method}-one`)] as [
      number[],
      number[],
    ];
    expect(found[0]! / expected[0]!).toBeCloseTo(1, method === 'minillm' ? 2 : 4);
  });

  it('is kept with the run, which goes on from anywhere, and not with other teachers', async () => {
    const [options] = await linesOf('kd/options.jsonl');
    expect(options).toMatchObject({
      teacher: [`math=${path('one/last')}`, `code=${path('two/last')}`],
      teacherField: 'subject',
    });
    const resumed = await distillm(`train --resume --steps 3 --out ${path('kd')}`);
    expect(resumed.code, resumed.err).toBe(0);
    const swapped = `--teacher math=${path('two/last')} code=${path('one/last')} --teacher-field subject`;
    const other = await distillm(`train --resume --steps 4 --out ${path('kd')} ${swapped}`);
    expect([other.code, other.err]).toEqual([
      1,
      expect.stringMatching(/the digest of the weights of the teacher 'code' was \w+ and is \w+/),
    ]);
    const fewer = await distillm(
      `train --resume --steps 4 --out ${path('kd')} --teacher math=${path('one/last')} code=${path('two/last')} more=${path('one/last')}`,
    );
    expect(fewer.err).toMatch(/the list of the teachers was \[code,math\] and is \[code,math,more\]/);
    const again = await distillm(`train --config ${path('kd/log.jsonl')} --out ${path('again')} --steps 2`);
    expect(again.code, again.err).toBe(0);
  });

  it('plans for all of them', async () => {
    const line = `--data ${path('routed.jsonl')} --validation 4 --method kd --dry-run`;
    const [both, one] = [
      await train(`${line} ${two()} --out ${path('dry')}`),
      await train(`${line} --teacher ${path('one/last')} --out ${path('dry')}`),
    ];
    expect([both.code, one.code], both.err).toEqual([0, 0]);
    expect(JSON.parse(both.out).memory.teacher).toBe(2 * JSON.parse(one.out).memory.teacher);
    expect(existsSync(path('dry'))).toBe(false);
  });

  it.each<[string, () => string, string]>([
    ['--teacher a=x b=y', () => '', '--teacher names 2 teachers, and nothing says which records each is for.'],
    [
      '--teacher x --teacher-field subject',
      () => '',
      '--teacher is x, expected a name before it, one that --teacher-field subject may have',
    ],
    [
      '--teacher a=x a=y --teacher-field subject',
      () => '',
      '--teacher has two teachers of the name "a". Name each once.',
    ],
    ['--teacher-cache c --teacher-field subject', () => '', '--teacher-field'],
    ['--method sft --teacher-field subject', () => '', '--teacher-field does nothing with --method sft.'],
    [
      '--teacher a=x --teacher-field s --method kd --kd-ratio 0',
      () => '',
      '--teacher-field chooses among teachers, and with --kd-ratio 0 nothing',
    ],
  ])('%s is wrong usage, told at once', async (line, _, message) => {
    const { code, err } = await distillm(`train --student no/s --data no/d --out no/o ${line}`);
    expect([code, err.replace(/\s+/g, ' ')]).toEqual([2, expect.stringContaining(message)]);
  });

  it('says which teacher no record names', async () => {
    const { code, err } = await train(
      `--data ${path('routed.jsonl')} --validation 4 --method kd ${two().replace(' --teacher-field', ` c=${path('one/last')} --teacher-field`)} --dry-run`,
    );
    expect(code, err).toBe(0);
    expect(err.replace(/\s+/g, ' ')).toContain(
      'Note: No record that is trained on names the teacher "c": nothing is learnt from it.',
    );
  });

  it('tells a record that names none of them with file, line and field, before it trains', async () => {
    const { code, err } = await train(
      `--data ${path('routed.jsonl')} --teacher math=${path('one/last')} --teacher-field subject --method kd --out ${path('none')}`,
    );
    expect([code, err]).toEqual([
      1,
      expect.stringContaining(`${path('routed.jsonl')}: line 2: field 'subject' is code, expected the teacher "math"`),
    ]);
    expect(existsSync(path('none/log.jsonl'))).toBe(false);
  });
});

describe('prompts without answers', () => {
  const teacher = () => `--teacher ${path('one/last')}`;

  it.each([
    'onPolicy',
    'gkd --lambda 1',
    'imitkd',
    'minillm',
    'seqkd',
    'distillm2',
    'distillm --sgo offPolicy --student-share 1 --capacity 8',
  ])('are all that %s needs', async (method) => {
    const out = method.split(' ')[0]!;
    const { code, err } = await train(
      `--data ${path('prompts.jsonl')} ${teacher()} --method ${method} --out ${path(`prompts-${out}`)}`,
    );
    expect(code, err).toBe(0);
    expect(err).toContain('Data: 20 records, 0 for validation');
    expect(err).toContain('20 of 20 records have no answer, so nothing is held out, and there is no validation.');
    for (const loss of await lossesOf(`prompts-${out}`)) expect(loss).toEqual(expect.any(Number));
  });

  it('are trained on as with answers that nobody reads', async () => {
    const line = `${teacher()} --method onPolicy --validation 0`;
    const run = await train(`--data ${path('train.jsonl')} ${line} --out ${path('with')}`);
    expect(run.code, run.err).toBe(0);
    expect(await lossesOf('with')).toEqual(await lossesOf('prompts-onPolicy'));
  });

  it.each(['gkd', 'kd', 'sft', 'distillm', 'onPolicy --pairs', 'seqkd --answers data --kd-ratio 1'])(
    'are refused by %s, with line and field',
    async (method) => {
      const taught = method === 'sft' ? `--tokenizer ${path('tokenizer')}` : teacher();
      const { code, err } = await train(
        `--data ${path('prompts.jsonl')} ${taught} --method ${method} --out ${path('refused')}`,
      );
      expect([code, err]).toEqual([
        1,
        expect.stringMatching(
          /prompts\.jsonl: no record has 'output'.* prompts alone: onPolicy, .*, and gkd \(--lambda 1\)\./,
        ),
      ]);
    },
  );

  it('are validated by a file with answers', async () => {
    const line = `--data ${path('prompts.jsonl')} ${teacher()} --method onPolicy`;
    const run = await train(`${line} --validation ${path('held-out.jsonl')} --out ${path('validated')}`);
    expect(run.code, run.err).toBe(0);
    expect(JSON.parse(run.out).best).toMatchObject({ loss: expect.any(Number) });
    const held = await train(`${line} --validation 4 --out ${path('held')}`);
    expect([held.code, held.err]).toEqual([
      1,
      expect.stringContaining(
        'of 20 records 0 have an answer, to which answers can be compared, and 4 are to be held out',
      ),
    ]);
  });

  it('may be measured first', async () => {
    const dry = await train(
      `--data ${path('prompts.jsonl')} ${teacher()} --method onPolicy --dry-run --out ${path('dry-prompts')}`,
    );
    expect(dry.code, dry.err).toBe(0);
    expect(JSON.parse(dry.out).time.total).toBeGreaterThan(0);
  });
});
