import { existsSync, lstatSync, readdirSync, readFileSync } from 'node:fs';
import { link, mkdir, rm, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest';
import { openLog } from '../../src/cli/log.js';
import { logFile, tryFile } from '../../src/cli/outputs.js';
import { loadTokenizer } from '../../src/text/index.js';
import { distillm, makeWorkspace } from './workspace.js';

let folder: string;
const path = (...parts: string[]) => join(folder, ...parts);
const lines = (file: string) => readFileSync(path(file), 'utf8').split('\n').slice(0, -1);

beforeAll(async () => {
  folder = await makeWorkspace();
  const made = await distillm(
    `tokenizer --data ${path('train.jsonl')} --template compact --vocab-size 280 --out ${path('tokenizer')}`,
  );
  expect(made).toMatchObject({ code: 0 });
});
afterAll(() => rm(folder, { recursive: true }));

/** A model that is not there: what is refused before models are opened never says so. */
const noModel = 'no/such/model';
const train = (line: string) =>
  distillm(`train --method sft --student ${noModel} --data ${path('train.jsonl')} --device wasm --threads 1 ${line}`);
const evaluate = (line: string) => distillm(`eval --model ${noModel} --data ${path('train.jsonl')} ${line}`);

describe('outputs are tried before models are opened', () => {
  it.each([
    ['a file', 'train.jsonl', /--out .*train\.jsonl is a file, expected a folder/],
    ['below a file', 'train.jsonl/run', /--out .*cannot be written: a part of the path is a file/],
  ])('--out in %s', async (_, out, message) => {
    const { code, err } = await train(`--out ${path(out)}`);
    // What the system refuses is a failure, a path of the wrong kind wrong usage.
    expect([code, err]).toEqual([out.includes('/') ? 1 : 2, expect.stringMatching(message)]);
  });

  it('--out where no folders are, and a log on a full disk', async () => {
    const none = await train('--out /proc/run');
    expect([none.code, none.err]).toEqual([1, expect.stringMatching(/--out \/proc\/run cannot be written: .*ENOENT/)]);
  });

  it('a dry run asks the system without writing', async () => {
    const below = await train(`--out ${path('train.jsonl/run')} --dry-run`);
    expect([below.code, below.err]).toEqual([
      1,
      expect.stringMatching(/--out .*cannot be written: .*train\.jsonl is a file/),
    ]);
    const log = await train(`--out ${path('unused')} --log ${path('train.jsonl/log')} --dry-run`);
    expect([log.code, log.err]).toEqual([
      1,
      expect.stringMatching(/--log .*cannot be written: .*train\.jsonl is a file/),
    ]);
    const fine = await train(`--out ${path('new/deep/run')} --dry-run`);
    expect([fine.code, fine.err]).toEqual([1, expect.stringContaining('no/such/model: there is no checkpoint')]);
    expect(existsSync(path('new'))).toBe(false);
  });

  it('a dry run needs none', async () => {
    const dry = await distillm(`train --method sft --data ${path('train.jsonl')} --student no/such/model --dry-run`);
    expect([dry.code, dry.err]).toEqual([1, expect.stringContaining('no/such/model: there is no checkpoint')]);
    const { code, err } = await distillm(`train --method sft --data ${path('train.jsonl')} --student no/such/model`);
    expect([code, err]).toEqual([2, expect.stringContaining('train needs --out <folder>. What it is:')]);
  });

  // Root may write anywhere.
  it.skipIf(process.getuid?.() === 0)('a dry run finds a folder that takes nothing', async () => {
    await mkdir(path('closed'), { mode: 0o500 });
    const { code, err } = await train(`--out ${path('closed/run')} --dry-run`);
    expect([code, err]).toEqual([1, expect.stringMatching(/--out .*closed\/run cannot be written: .*EACCES/)]);
  });

  it('leave nothing behind where the command fails afterwards', async () => {
    const { code, err } = await train(`--out ${path('new/deep/run')} --log ${path('new.jsonl')}`);
    expect([code, err]).toEqual([1, expect.stringContaining('no/such/model: there is no checkpoint')]);
    expect([existsSync(path('new')), existsSync(path('new.jsonl'))]).toEqual([false, false]);
  });

  it.each([
    ['train', '--log', (file: string) => train(`--out ${path('unused')} --log ${file}`)],
    ['eval', '--answers', (file: string) => evaluate(`--answers ${file}`)],
  ])('%s %s is no folder, none of the inputs under any name, and nothing of another kind', async (_, flag, run) => {
    const original = readFileSync(path('train.jsonl'), 'utf8');
    await symlink(path('train.jsonl'), path(`${flag}-link`));
    await link(path('train.jsonl'), path(`${flag}-hard`));
    for (const name of [
      'train.jsonl',
      `./../${folder.split('/').at(-1)}/train.jsonl`,
      `${flag}-link`,
      `${flag}-hard`,
    ]) {
      const same = await run(`${folder}/${name}`);
      expect([same.code, same.err]).toEqual([
        2,
        expect.stringMatching(new RegExp(`${flag} .* is .*train.jsonl, which is read: it would be overwritten`)),
      ]);
    }
    expect((await run(folder)).err).toContain('is a folder, expected a file');
    await writeFile(path('notes.txt'), 'mine');
    const other = await run(path('notes.txt'));
    expect([other.code, other.err]).toEqual([2, expect.stringMatching(/notes\.txt holds something else than .*/)]);
    // A log makes its folder, answers are written into one that is there.
    expect((await run(path('none/file'))).err).toMatch(
      flag === '--log' ? /there is no checkpoint/ : /--answers .* cannot be written: there is no such file or folder/,
    );
    expect(existsSync(path('none'))).toBe(false);
    expect(readFileSync(path('notes.txt'), 'utf8')).toBe('mine');
    expect(readFileSync(path('train.jsonl'), 'utf8')).toBe(original);
    // What it holds is never replaced, be it of the same kind: only the model is missing where it is empty.
    for (const content of [
      '',
      '{"time":"2026-01-01T00:00:00Z","type":"options"}\n',
      '{"type":"model","model":"a","records":1}\n',
    ]) {
      await writeFile(path('own'), content);
      const { code, err } = await run(path('own'));
      expect([content, err.includes('there is no checkpoint')]).toEqual([content, content === '']);
      expect([content, code]).toEqual([content, content === '' ? 1 : 2]);
      const isOwn = content.startsWith('{"time"') === (flag === '--log');
      if (content !== '')
        expect(err).toMatch(isOwn ? /own holds .* already: it would be/ : /holds something else than/);
      expect(readFileSync(path('own'), 'utf8')).toBe(content);
    }
  });

  it('of which two are one place are refused, before one overwrites the other', async () => {
    await mkdir(path('apart'));
    await symlink(path('apart'), path('apart-link'));
    const both = (flag: string, other: string) =>
      new RegExp(`${flag} .*one\\.json is what ${other} names, too: one would overwrite the other`);
    for (const name of ['apart/one.json', 'apart/../apart/one.json', 'apart-link/one.json']) {
      const one = path('apart/one.json');
      const trained = await train(`--out ${path('unused')} --log ${one} --profile ${folder}/${name}`);
      expect([trained.code, trained.err]).toEqual([2, expect.stringMatching(both('--profile', '--log'))]);
      const evaluated = await evaluate(`--answers ${one} --profile ${folder}/${name}`);
      expect([evaluated.code, evaluated.err]).toEqual([2, expect.stringMatching(both('--profile', '--answers'))]);
    }
    const same = await train(`--out ${path('apart/one.json')} --log ${path('apart/one.json')}`);
    expect([same.code, same.err]).toEqual([2, expect.stringMatching(both('--log', '--out'))]);
    expect(readdirSync(path('apart'))).toEqual([]);
    const apart = await train(
      `--out ${path('unused')} --log ${path('apart/a.json')} --profile ${path('apart/b.json')}`,
    );
    expect(apart.err).toContain('there is no checkpoint');
  });

  it('through links that lead nowhere are refused, and the links stay', async () => {
    await symlink(path('nowhere.jsonl'), path('dead-link.jsonl'));
    expect(() => tryFile('--log', path('dead-link.jsonl'), logFile)).toThrow(/is a link that leads nowhere/);
    expect(lstatSync(path('dead-link.jsonl')).isSymbolicLink()).toBe(true);
    expect(existsSync(path('nowhere.jsonl'))).toBe(false);
  });

  it('--log is not the log of another run', async () => {
    const log = (out: string) => `{"time":"2026-01-01T00:00:00Z","type":"options","out":"${out}"}\n`;
    await mkdir(path('r1'));
    const refused = async (line: string) => {
      const { code, err } = await train(line);
      expect([code, err]).toEqual([
        2,
        expect.stringMatching(/--log .* is the log of the run in .*r1: it would be over/),
      ]);
    };
    // By what it says, wherever it is.
    for (const name of ['r1/log.jsonl', 'r1.jsonl']) {
      await writeFile(path(name), log(path('r1')));
      await refused(`--out ${path('r8')} --log ${path(name)}`);
      expect(readFileSync(path(name), 'utf8')).toBe(log(path('r1')));
    }
    // By where it is: the run was moved.
    await writeFile(path('r1/log.jsonl'), log(path('r0')));
    await mkdir(path('r1/state-000004'));
    await refused(`--out ${path('r8')} --log ${path('r1/log.jsonl')}`);
    // Its own, also of a run that was moved or copied, where it goes on, or where it left no state.
    await mkdir(path('r9'));
    await writeFile(path('r9/log.jsonl'), log(path('r1')));
    for (const line of [`--out ${path('r9')}`, `--out ${path('r1')} --resume`]) {
      expect((await train(line)).err, line).toContain('there is no checkpoint');
    }
    // That of a run that is gone is all that is left of it.
    await writeFile(path('r8.jsonl'), log(path('r0')));
    const gone = await train(`--out ${path('r8')} --log ${path('r8.jsonl')}`);
    expect([gone.code, gone.err]).toEqual([
      2,
      expect.stringMatching(
        /--log .*r8\.jsonl holds a log of distillm already: it would be overwritten\. Take another/,
      ),
    ]);
  });

  it.each(['best', 'last'])('a folder %s that no run wrote stays', async (name) => {
    const out = path(`kept-${name}`);
    await mkdir(join(out, name), { recursive: true });
    await writeFile(join(out, name, 'thesis.tex'), 'mine');
    for (const resume of ['', ' --resume']) {
      const { code, err } = await train(`--out ${out}${resume}`);
      expect([code, err]).toEqual([2, expect.stringContaining(`a folder ${name} already, with thesis.tex in it`)]);
    }
    expect(readdirSync(join(out, name))).toEqual(['thesis.tex']);
  });

  it('tokenizer --out does not replace a tokenizer, and reads no data before it says so', async () => {
    const before = readFileSync(path('tokenizer/tokenizer.json'), 'utf8');
    const { code, err } = await distillm(`tokenizer --data no/such/data --vocab-size 300 --out ${path('tokenizer')}`);
    expect([code, err]).toEqual([2, expect.stringContaining('holds tokenizer.json already')]);
    expect(readFileSync(path('tokenizer/tokenizer.json'), 'utf8')).toBe(before);
    await mkdir(path('gpt2'));
    await writeFile(path('gpt2/vocab.json'), '{}');
    expect((await distillm(`tokenizer --data x --out ${path('gpt2')}`)).err).toContain('holds vocab.json already');
    expect((await distillm(`tokenizer --data x --out ${path('train.jsonl')}`)).code).toBe(2);
  });

  it('tokenizer writes alone: of two into one folder at once one is refused', async () => {
    const make = (size: number) =>
      distillm(
        `tokenizer --data ${path('train.jsonl')} --template compact --vocab-size ${size} --out ${path('shared')}`,
      );
    const both = await Promise.all([make(270), make(275)]);
    const [one, other] = both.toSorted((a, b) => a.code - b.code);
    expect([one?.code, other?.err]).toEqual([0, expect.stringMatching(/another run writes to it|holds .* already/)]);
    expect((await loadTokenizer(path('shared'))).vocabSize).toBe(JSON.parse(one?.out ?? '').vocabSize);
  });

  it.each(['https://example.org/run', 'hf:me/model'])('are no places on the web: %s', async (place) => {
    const message = `${place} is an address on the web, expected a path on this machine`;
    for (const line of [`--out ${place}`, `--out ${path('unused')} --log ${place}`]) {
      const { code, err } = await train(line);
      expect([code, err]).toEqual([2, expect.stringContaining(message)]);
    }
    for (const made of ['https:', 'hf:me']) expect(existsSync(made)).toBe(false);
  });

  it('tokenizer says why it has fewer tokens than were asked for', async () => {
    const make = (size: number) =>
      distillm(`tokenizer --data ${path('train.jsonl')} --vocab-size ${size} --out ${path(`tokenizer-${size}`)}`);
    expect((await make(50_000)).err).toMatch(
      /^\d{3} tokens, [\d.]+ characters each; the text gives no more merges, for --vocab-size 50,000\.\n$/,
    );
    expect((await make(280)).err).toMatch(/^280 tokens, [\d.]+ characters each\.\n$/);
  });

  it('tokenizer makes a Unigram vocabulary too, whose texts lose nothing', async () => {
    const make = (rest: string) => distillm(`tokenizer --data ${path('train.jsonl')} --model ${rest}`);
    const { code, err, out } = await make(`unigram --vocab-size 50000 --out ${path('unigram')}`);
    expect([code, err]).toEqual([
      0,
      expect.stringMatching(/; the text gives no more pieces, for --vocab-size 50,000\./),
    ]);
    const { model } = JSON.parse(readFileSync(path('unigram/tokenizer.json'), 'utf8'));
    expect(model).toMatchObject({ type: 'Unigram', byte_fallback: true });
    const tokenizer = await loadTokenizer(path('unigram'));
    expect([tokenizer.eosTokenId, tokenizer.vocabSize]).toEqual([0, JSON.parse(out).vocabSize]);
    expect(tokenizer.decode(tokenizer.encode(' a\n  b\u{1f9ff}'))).toBe(' a\n  b\u{1f9ff}');
    expect((await make(`wordpiece --out ${path('other')}`)).err).toMatch(
      /--model is wordpiece, expected one of bpe, unigram/,
    );
  });
});

describe('a log', () => {
  const step = (number: number) => ({ type: 'step', step: number });
  const steps = (file: string) => lines(file).map((line) => JSON.parse(line).step);
  const warnings: string[] = [];
  const warn = (line: string) => warnings.push(line);
  beforeEach(() => warnings.splice(0));

  it('of a killed run goes on without the steps that are taken again, nor a line that was cut', async () => {
    const log = openLog(path('deep/er/log.jsonl'), { warn });
    log({ type: 'options' });
    for (let each = 1; each <= 7; each++) log(step(each));
    const cut = readFileSync(path('deep/er/log.jsonl'), 'utf8');
    await writeFile(path('log.jsonl'), cut.slice(0, -9));
    const resumed = openLog(path('log.jsonl'), { goesOnAfter: 4, warn });
    for (let each = 5; each <= 6; each++) resumed(step(each));
    expect(steps('log.jsonl')).toEqual([undefined, 1, 2, 3, 4, 5, 6]);
    // A line that was cut is left out even of an earlier step.
    await writeFile(path('log.jsonl'), '{"step":1}\n{"step":2}\nnoise\n{"st');
    openLog(path('log.jsonl'), { goesOnAfter: 4, warn })(step(5));
    expect(steps('log.jsonl')).toEqual([1, 2, 5]);
    openLog(path('log.jsonl'), { warn })(step(1));
    expect(steps('log.jsonl')).toEqual([1]);
    openLog(path('absent.jsonl'), { goesOnAfter: 4, warn })(step(5));
    expect(steps('absent.jsonl')).toEqual([5]);
    expect(warnings).toEqual([]);
  });

  it('is cut back in pieces, however long it is', async () => {
    // Lines of many lengths, so that pieces end within them; one is longer than a piece.
    const long = Array.from({ length: 3000 }, (_, i) => ({ ...step(i), note: 'x'.repeat(i === 1500 ? 2 ** 23 : i) }));
    await writeFile(path('long.jsonl'), `${long.map((each) => `${JSON.stringify(each)}\n`).join('')}{"st`);
    vi.resetModules();
    vi.doMock('node:fs', async (original) => ({
      ...(await original<typeof import('node:fs')>()),
      // As of a file of more than 2 GiB.
      readFileSync: () => {
        throw Object.assign(new Error('File size is greater than 2 GiB'), { code: 'ERR_FS_FILE_TOO_LARGE' });
      },
    }));
    try {
      const { openLog: open } = await import('../../src/cli/log.js');
      open(path('long.jsonl'), { goesOnAfter: 2400, warn })(step(2401));
    } finally {
      vi.doUnmock('node:fs');
      vi.resetModules();
    }
    expect(warnings).toEqual([]);
    const kept = lines('long.jsonl').map((line) => JSON.parse(line));
    expect(kept.map((each) => each.step)).toEqual(Array.from({ length: 2402 }, (_, i) => i));
    expect(kept[1500].note.length).toBe(2 ** 23);
  });

  it('on a full disk warns once, with the path, and the run goes on', () => {
    const log = openLog('/dev/full', { warn });
    for (let each = 1; each <= 3; each++) log(step(each));
    expect(warnings).toEqual([
      '--log /dev/full cannot be written: the disk is full (ENOSPC). Free some space, or write to another disk. ' +
        'The run goes on without it.',
    ]);
  });

  it('says how many lines are missing when there is room again, holds whole lines only and no step twice', async () => {
    vi.resetModules();
    let room = Number.POSITIVE_INFINITY;
    vi.doMock('node:fs', async (original) => {
      const real = await original<typeof import('node:fs')>();
      const take = (path: string, data: string | Buffer, write: (path: string, data: string | Buffer) => void) => {
        write(path, data.slice(0, room));
        if (data.length > room) throw Object.assign(new Error('ENOSPC: no space left on device'), { code: 'ENOSPC' });
      };
      return {
        ...real,
        appendFileSync: (path: string, data: string) => take(path, data, real.appendFileSync),
        writeFileSync: (path: string, data: Buffer) => take(path, data, real.writeFileSync),
      };
    });
    const { openLog: open } = await import('../../src/cli/log.js');
    const file = path('full.jsonl');
    try {
      const log = open(file, { warn });
      log(step(1));
      for (const [free, each] of [
        [9, 2],
        [0, 3],
        [Number.POSITIVE_INFINITY, 4],
        [5, 5],
        [Number.POSITIVE_INFINITY, 6],
      ] as const) {
        room = free;
        log(step(each));
      }
      expect(steps('full.jsonl')).toEqual([1, 4, 6]);
      expect(warnings).toEqual([
        expect.stringContaining('full.jsonl cannot be written: the disk is full'),
        `--log ${file} can be written again, with a gap of 2 lines.`,
        expect.stringContaining('full.jsonl cannot be written: the disk is full'),
        `--log ${file} can be written again, with a gap of 1 line.`,
      ]);
      // Without room to cut it back it stays as it is, until there is some.
      const resumed = open(file, { goesOnAfter: 4, warn });
      room = 20;
      resumed(step(5));
      expect(steps('full.jsonl')).toEqual([1, 4, 6]);
      room = Number.POSITIVE_INFINITY;
      resumed(step(6));
      expect(steps('full.jsonl')).toEqual([1, 4, 6]);
      expect(readdirSync(folder).filter((name) => name.endsWith('.part'))).toEqual([]);
    } finally {
      vi.doUnmock('node:fs');
      vi.resetModules();
    }
  });
});
