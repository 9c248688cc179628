/**
 * The answers of an evaluation as JSON lines: of each model its name and settings, then an answer a line, seed after seed; at
 * the end what a judge said. A seed's answers are written at once, so that an evaluation that was stopped goes on after the
 * last seed that is whole.
 */
import { closeSync, openSync, readFileSync, truncateSync, writeFileSync } from 'node:fs';
import { CheckpointError, type Example, exactMatch, OptionError, rougeL } from '../../index.js';
import { inWords, isPlainObject } from '../../inWords.js';
import { systemReason } from '../../systemReason.js';
import { answersFile, writing } from '../outputs.js';
import type { Answer, Answerer } from './answering.js';

const flag = '--answers';

/** Answers that are there, and a place for those that come. */
export interface AnswersFile {
  /** The answers of a seed that the file had; undefined where it had not. */
  kept(model: string, seed: number): readonly Answer[] | undefined;
  /** Adds the answers of a seed. */
  add(model: string, seed: number, answers: readonly Answer[]): void;
  /** Adds what a judge said of an answer or a pair. */
  note(record: Readonly<Record<string, unknown>>): void;
  close(): void;
}

/** For an evaluation whose answers are not kept. */
export const noFile: AnswersFile = { kept: () => undefined, add() {}, note() {}, close() {} };

/** A model that answers, and the digest of it: see `modelDigest`. */
export type KnownAnswerer = Answerer & { readonly digest: string };

/**
 * Opens the file, or goes on with it.
 * @param answerers the models by their names
 * @throws OptionError where the file has answers of another evaluation; CheckpointError where the system refuses
 */
export function openAnswers(
  path: string,
  answerers: ReadonlyMap<string, KnownAnswerer>,
  { resume }: { readonly resume: boolean },
): AnswersFile {
  const old = resume ? keptIn(path, answerers) : { bytes: 0, blocks: new Map<string, Block>() };
  const file = writing(flag, path, () => {
    // What a judge said, and the answers of a seed that is not whole, come anew.
    if (old.bytes > 0) truncateSync(path, old.bytes);
    return openSync(path, old.bytes > 0 ? 'a' : 'w');
  });
  let last = [...old.blocks.values()].at(-1)?.model;
  const write = (records: readonly object[]) =>
    writing(flag, path, () => writeFileSync(file, records.map((record) => `${JSON.stringify(record)}\n`).join('')));
  return {
    kept: (model, seed) => old.blocks.get(blockName(model, seed))?.answers,
    add(model, seed, answers) {
      const answerer = answerers.get(model) as KnownAnswerer;
      const head = last === model ? [] : [headOf(model, answerer)];
      write([...head, ...answers.map((answer, i) => recordOf(model, seed, answer, answerer.examples[i] as Example))]);
      last = model;
    },
    note: (record) => {
      write([record]);
    },
    close: () => closeSync(file),
  };
}

const headOf = (model: string, { examples, settings, digest }: KnownAnswerer) => ({
  ...{ type: 'model', model, records: examples.length, settings, digest },
});

const recordOf = (
  model: string,
  seed: number,
  { text, tokens, finishReason }: Answer,
  { instruction, input, references }: Example,
) => ({
  ...{ type: 'answer', model, seed, instruction, input, answer: text, tokens, finishReason, references },
  rougeL: rougeL(text, references),
  exactMatch: exactMatch(text, references),
});

/** The answers of one seed of one model. */
interface Block {
  readonly model: string;
  readonly answers: readonly Answer[];
}
/** The same, while it is read. */
interface OpenBlock {
  readonly name: string;
  readonly seed: number;
  readonly answers: Answer[];
}
const blockName = (model: string, seed: number) => JSON.stringify([model, seed]);

/** The seeds that are whole, and the bytes up to the end of the last of them. */
function keptIn(
  path: string,
  answerers: ReadonlyMap<string, KnownAnswerer>,
): { readonly bytes: number; readonly blocks: ReadonlyMap<string, Block> } {
  const blocks = new Map<string, Block>();
  const refuse = (at: number, what: string) =>
    new OptionError(`${flag} ${path}, line ${at + 1}: ${what} Take another name, or leave --resume out.`, {
      found: path,
    });
  const lines = textOf(path).split('\n');
  // What follows the last line's end was cut.
  lines.pop();
  let [bytes, read] = [0, 0];
  let block: OpenBlock | undefined;
  for (const [at, line] of lines.entries()) {
    read += Buffer.byteLength(line) + 1;
    const record = recordIn(line);
    if (!record || !['model', 'answer', 'rating', 'comparison'].includes(String(record.type))) {
      throw refuse(at, `this is ${inWords(line)}, expected ${answersFile.what}.`);
    }
    const { type, model, seed } = record;
    if (type === 'rating' || type === 'comparison') break;
    const answerer = answerers.get(String(model));
    if (!answerer) throw refuse(at, `the model is ${inWords(model)}, which --model does not name.`);
    if (type === 'model') {
      const { records, settings, digest } = record;
      const expected = headOf(String(model), answerer);
      if (records !== expected.records) {
        throw refuse(at, `there were ${inWords(records)} records, and now there are ${expected.records}.`);
      }
      if (digest !== expected.digest) {
        throw refuse(at, `${model} was another model: its config, its weights or its tokenizer have changed since.`);
      }
      const other = Object.entries(expected.settings).find(
        ([name, value]) => JSON.stringify(Object(settings)[name]) !== JSON.stringify(value),
      );
      if (other) {
        const [name, value] = other;
        throw refuse(at, `${name} was ${inWords(Object(settings)[name])}, and is ${inWords(value)} now.`);
      }
      continue;
    }
    const isNext: boolean = block?.name !== model || block?.seed !== seed;
    const current: OpenBlock = block && !isNext ? block : { name: String(model), seed: Number(seed), answers: [] };
    block = current;
    const example = answerer.examples[current.answers.length];
    const { instruction, input, references, answer, tokens, finishReason } = record;
    if (!example || JSON.stringify([instruction, input, references]) !== JSON.stringify(asked(example))) {
      throw refuse(at, 'the record is another than that of --data in this place.');
    }
    current.answers.push({ text: answer, tokens, finishReason } as Answer);
    if (current.answers.length < answerer.examples.length) continue;
    blocks.set(blockName(current.name, current.seed), { model: current.name, answers: current.answers });
    bytes = read;
  }
  return { bytes, blocks };
}

const asked = ({ instruction, input, references }: Example) => [instruction, input, references];

function textOf(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch (cause) {
    if ((cause as NodeJS.ErrnoException).code === 'ENOENT') return '';
    throw new CheckpointError(`${flag} ${path} cannot be read: ${systemReason(cause)}`, { found: path, cause });
  }
}

function recordIn(line: string): Readonly<Record<string, unknown>> | undefined {
  try {
    const value: unknown = JSON.parse(line);
    return isPlainObject(value) ? value : undefined;
  } catch {
    return undefined;
  }
}
