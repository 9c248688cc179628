/** The small data sets of examples/tasks: what the script makes, read by the readers as published files are. */
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { gunzipSync } from 'node:zlib';
import { describe, expect, it } from 'vitest';
import { plainText, type TaskFiles, tasks } from '../../examples/tasks/tasks.ts';
import { readRecords, recordKind, surveyData } from '../../src/index.js';
import { answerOf } from './answerOf.js';

const folder = fileURLToPath(new URL('../../examples/tasks/', import.meta.url));
const names = Object.keys(tasks) as (keyof typeof tasks)[];
const sets = ['teacher', 'train', 'validation', 'test'] as const satisfies readonly (keyof TaskFiles)[];
const kinds = { instruction: 'instruction', summarization: 'summary', translation: 'instruction' } as const;
/** Records of the sets, in their order. */
const sizes = {
  instruction: [6000, 800, 100, 300],
  summarization: [6000, 800, 100, 300],
  translation: [5000, 1000, 60, 200],
} as const;
const pathOf = (name: string, set: string) => `${folder}${name}/${set}.jsonl${set === 'teacher' ? '.gz' : ''}`;
const textOf = (path: string) => {
  const bytes = readFileSync(path);
  return (path.endsWith('.gz') ? gunzipSync(bytes) : bytes).toString('utf8');
};

describe.each(names)('%s', (name) => {
  it('is what the script makes', () => {
    const files = tasks[name]();
    for (const set of sets) {
      expect(textOf(pathOf(name, set)), set).toBe(files[set].map((each) => `${JSON.stringify(each)}\n`).join(''));
    }
  });

  it('holds out what is in neither training set, and spoils answers of the students alone', async () => {
    const wrong: Record<string, number> = {};
    for (const set of sets) {
      expect(await recordKind(pathOf(name, set))).toBe(kinds[name]);
      const shares: boolean[] = [];
      for await (const record of readRecords(pathOf(name, set))) {
        if ('messages' in record) expect.unreachable();
        else shares.push(!answerOf({ ...record, output: '' }).includes(record.outputs[0] as string));
      }
      wrong[set] = shares.filter((each) => each).length / shares.length;
    }
    const { train, ...clean } = wrong;
    expect(clean).toEqual({ teacher: 0, validation: 0, test: 0 });
    expect(train).toBeGreaterThan(0.2);
    expect(train).toBeLessThan(0.4);
    const { files, shared } = await surveyData([...sets].map((set) => pathOf(name, set)));
    expect(files.map(({ records }) => records)).toEqual(sizes[name]);
    // Teacher and students may see the same question, as they do in real data; nobody sees one that is held out.
    const seen = shared.filter(({ files: [, later] }) => !later.includes('train'));
    expect(seen.map(({ files: [, later], same }) => [later, same])).toEqual([]);
  });
});

describe('translation', () => {
  const { teacher, train, validation, test, few = [] } = tasks.translation();
  const all = [teacher, train, validation, test] as { instruction: string; input: string; output: string }[][];

  it('has no sentence twice, in one set or in two', () => {
    const sentences = all.flat().map(({ input }) => input);
    expect(new Set(sentences).size).toBe(sentences.length);
  });

  it('has a few of its training set by themselves', () => {
    expect(few).toEqual(train.slice(0, 40));
    expect(textOf(pathOf('translation', 'few'))).toBe(few.map((each) => `${JSON.stringify(each)}\n`).join(''));
  });

  it('reads the same in the form of IWSLT 2017 on Hugging Face', async () => {
    const pairs = test.map((record) => {
      const { input, output } = record as { input: string; output: string };
      return { translation: { en: input, de: output } };
    });
    expect(await recordKind(pairs)).toBe('translation');
    const read: object[] = [];
    for await (const record of readRecords(pairs)) {
      if ('messages' in record) expect.unreachable();
      else read.push({ translation: { en: record.input, de: record.outputs[0] } });
    }
    expect(read).toEqual(pairs);
  });
});

it('plain text is what the script makes', () => expect(textOf(`${folder}text/corpus.txt`)).toBe(plainText()));
