/** Files that grow while a run goes on, and links that somebody puts in their way meanwhile. */
import {
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { openLog } from '../../src/cli/log.js';
import { openOwnFile } from '../../src/cli/ownFile.js';
import { openBoard } from '../../src/cli/tensorboard/board.js';
import type { StepEvent } from '../../src/index.js';

let folder: string;
const path = (...parts: string[]) => join(folder, ...parts);
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'distillm-own-'));
  mkdirSync(path('run'));
  mkdirSync(path('elsewhere'));
  writeFileSync(path('secret'), 'untouched');
});
afterEach(() => rmSync(folder, { recursive: true }));
const secret = () => readFileSync(path('secret'), 'utf8');

describe('a file of a run', () => {
  it('is never written through a link that was put in its place', () => {
    const file = openOwnFile(path('run/log.jsonl'));
    file.clear();
    file.append('one\n');
    renameSync(path('run/log.jsonl'), path('run/old'));
    symlinkSync(path('secret'), path('run/log.jsonl'));
    expect(() => file.append('two\n')).toThrow(/ELOOP/);
    expect(() => file.clear()).toThrow(/ELOOP/);
    // What is put in its place takes the link's name, not what it leads to.
    file.replace([Buffer.from('three\n')]);
    file.append('four\n');
    expect([secret(), readFileSync(path('run/log.jsonl'), 'utf8')]).toEqual(['untouched', 'three\nfour\n']);
    expect(readdirSync(path('run')).sort()).toEqual(['log.jsonl', 'old']);
  });

  it('nor through one in the place of its folder', () => {
    const file = openOwnFile(path('run/log.jsonl'));
    file.clear();
    file.append('one\n');
    renameSync(path('run'), path('moved'));
    symlinkSync(path('elsewhere'), path('run'));
    expect(() => file.append('two\n')).toThrow(/is a link by now/);
    expect(() => file.replace([Buffer.from('two\n')])).toThrow(/is a link by now/);
    expect(readdirSync(path('elsewhere'))).toEqual([]);
    rmSync(path('run'));
    // Unless it is the same folder, which was moved.
    symlinkSync(path('moved'), path('run'));
    file.append('three\n');
    rmSync(path('run'));
    renameSync(path('moved'), path('run'));
    file.append('four\n');
    expect(readFileSync(path('run/log.jsonl'), 'utf8')).toBe('one\nthree\nfour\n');
  });

  it('is written where a link led when it was opened, wherever that leads later', () => {
    symlinkSync(path('elsewhere/real.jsonl'), path('run/log.jsonl'));
    writeFileSync(path('elsewhere/real.jsonl'), '');
    const file = openOwnFile(path('run/log.jsonl'));
    file.clear();
    file.append('one\n');
    rmSync(path('run/log.jsonl'));
    symlinkSync(path('secret'), path('run/log.jsonl'));
    file.append('two\n');
    expect([secret(), readFileSync(path('elsewhere/real.jsonl'), 'utf8')]).toEqual(['untouched', 'one\ntwo\n']);
  });

  it('whose folder is gone is not made anew, and is when the folder is back', () => {
    const file = openOwnFile(path('run/log.jsonl'));
    rmSync(path('run'), { recursive: true });
    expect(() => file.append('one\n')).toThrow(/ENOENT/);
    expect(() => file.clear()).toThrow(/ENOENT/);
    mkdirSync(path('run'));
    expect(() => file.append('one\n')).toThrow(/ENOENT/);
    file.clear();
    file.append('two\n');
    expect(readFileSync(path('run/log.jsonl'), 'utf8')).toBe('two\n');
  });
});

it('a log and curves warn of the link, once, and leave what it leads to alone', () => {
  const warnings: string[] = [];
  const warn = (line: string) => void warnings.push(line);
  const log = openLog(path('run/log.jsonl'), { warn });
  const board = openBoard(path('run/board'), { warn });
  const step: StepEvent = {
    ...{
      type: 'step',
      step: 1,
      totalSteps: 2,
      epoch: 1,
      source: 'data',
      loss: 1,
      terms: {},
      gradNorm: 1,
      skipped: false,
    },
    ...{ lr: 1, phi: 0, bufferSize: 0, tokens: 1, lossTokens: 1, stepMs: 1, generationMs: 0, tokensPerSecond: 1 },
  };
  for (const tell of [log, board]) tell(step);
  const [events] = readdirSync(path('run/board'));
  for (const file of ['run/log.jsonl', `run/board/${events}`]) {
    rmSync(path(file));
    symlinkSync(path('secret'), path(file));
  }
  for (let i = 0; i < 2; i++) for (const tell of [log, board]) tell(step);
  expect(secret()).toBe('untouched');
  expect(warnings).toEqual([
    expect.stringMatching(/^--log .*log\.jsonl cannot be written: .*a link is where there was none before \(ELOOP\)/),
    expect.stringMatching(/^--tensorboard .*tfevents.* cannot be written: .*\(ELOOP\)/),
  ]);
});
