/**
 * The checks in front of every model, whatever its family: what is wrong is refused here, by a typed error, so that the
 * code of a family may trust what it gets. An id outside the vocabulary would otherwise be looked up in another part of
 * memory, and a sequence kept twice would share its cache with itself.
 */

import * as z from 'zod';
import type { Sample, TokenBatch } from '../data/batch.js';
import { DataError, DisposedError, LimitError, OptionError, ShapeError } from '../errors.js';
import { refusedOption, requireOption } from '../requireOption.js';
import { checkOption, checkOptions, type Fields, ranges } from '../settings/index.js';
import { checkSample, idOutside } from './checkSample.js';
import type { Decoding, ForwardOptions, LanguageModel } from './model.js';

const forwardOptions = z.strictObject({
  dropoutSeed: ranges.seed.optional(),
  gradientCheckpointing: ranges.switched.optional(),
} satisfies Fields<ForwardOptions>);

/** The same model behind the checks. */
export function guarded(model: LanguageModel): LanguageModel {
  const { vocabSize } = model;
  const encodes = model.startTokenId !== undefined;
  return {
    ...model,
    collate(samples) {
      checkSamples(samples, vocabSize);
      return model.collate(samples);
    },
    forward(batch, options = {}) {
      checkOptions('forward', forwardOptions, options);
      checkBatch('batch', batch, vocabSize);
      checkSource(batch, encodes);
      return model.forward(batch, options);
    },
    room: (promptLength) => model.room(checkOption('room', 'promptLength', promptLength, ranges.countOrZero)),
    startDecoding(prompts, newTokens) {
      checkOption('startDecoding', 'newTokens', newTokens, ranges.count);
      checkPrompts('startDecoding', model, prompts, { newTokens });
      if (prompts.length === 0) throw refusedOption('startDecoding', 'prompts', prompts, 'at least one prompt');
      return guardDecoding(model.startDecoding(prompts, newTokens), {
        vocabSize,
        newTokens,
        sequences: prompts.length,
      });
    },
    setTrainable: (trainable) =>
      model.setTrainable(checkOption('setTrainable', 'trainable', trainable, ranges.switched)),
  };
}

/**
 * Prompts that a model can read and continue; none is fine.
 * @param where begins messages
 * @param length how many tokens each is to be continued by, under the name that the caller has for it
 * @throws OptionError, LimitError naming the prompt that cannot be continued
 */
export function checkPrompts(
  where: string,
  model: Pick<LanguageModel, 'vocabSize' | 'room' | 'maxPositions'>,
  prompts: readonly Int32Array[],
  length: Readonly<Record<string, number>>,
): void {
  const { vocabSize, maxPositions } = model;
  const [name, newTokens] = Object.entries(length)[0] as [string, number];
  requireOption(where, 'prompts', prompts, Array.isArray(prompts), 'a list of prompts, each an Int32Array of ids');
  // An index at a time: forEach leaves out the holes of an array.
  for (let index = 0; index < prompts.length; index++) {
    const prompt: unknown = prompts[index];
    if (!(prompt instanceof Int32Array)) {
      throw refusedOption(where, `prompts[${index}]`, prompt, 'an Int32Array of ids, as encodePrompt gives it');
    }
    if (prompt.length === 0) {
      throw new OptionError(
        `${where}: prompt ${index} is empty, expected at least one token. Start it with BOS or EOS.`,
        { option: `prompts[${index}]`, found: 0 },
      );
    }
    const outside = idOutside(prompt, vocabSize);
    if (outside !== undefined) {
      throw new OptionError(
        `${where}: prompt ${index} has the id ${prompt[outside]}, the model's vocabulary has ${vocabSize}. ` +
          "Check that the tokenizer is the model's.",
        { option: `prompts[${index}]`, found: prompt[outside], expected: vocabSize },
      );
    }
    const room = model.room(prompt.length);
    if (room < 1) {
      throw new LimitError(
        `${where}: prompt ${index} has ${prompt.length} tokens, and the model ${maxPositions} positions for it and its answer. Cut it.`,
        { found: prompt.length, expected: maxPositions },
      );
    }
    if (newTokens > room) {
      throw new LimitError(
        `${where}: prompt ${index} has ${prompt.length} tokens and leaves ${room} for the answer, with ` +
          `${name} ${newTokens}; the model has ${maxPositions} positions. Cut the prompt, or lower ${name}.`,
        { found: newTokens, expected: room },
      );
    }
  }
}

/** A decoding that counts what it was given: how many sequences run, and how many tokens each has got. */
function guardDecoding(
  decoding: Decoding,
  { vocabSize, newTokens, sequences }: { vocabSize: number; newTokens: number; sequences: number },
): Decoding {
  let running = sequences;
  let steps = 0;
  let disposed = false;
  const use = (method: string) => {
    if (disposed) throw new DisposedError(`${method}: the decoding was disposed of. Start another by startDecoding.`);
  };
  return {
    next(ids) {
      use('next');
      if (steps === newTokens) {
        throw new LimitError(
          `next: each sequence has got the ${newTokens} tokens that startDecoding made room for. Start with more newTokens.`,
          { found: newTokens + 1, expected: newTokens },
        );
      }
      if (steps === 0)
        requireOption('next', 'ids', ids, ids === undefined, 'none at the first call: it reads the prompts');
      else checkIds(ids, running, vocabSize);
      const hidden = decoding.next(ids);
      steps++;
      return hidden;
    },
    keep(indices) {
      use('keep');
      if (steps === 0) throw new OptionError('keep: the prompts have not been read yet. Call next first.');
      const ascending = (index: number, i: number) =>
        Number.isInteger(index) && index > (i > 0 ? (indices[i - 1] as number) : -1) && index < running;
      requireOption(
        'keep',
        'indices',
        indices,
        Array.isArray(indices) && indices.length > 0 && Array.from(indices).every(ascending),
        `at least one of the ${running} running sequences, each once, by ascending index from 0 (dispose ends all)`,
      );
      decoding.keep(indices);
      running = indices.length;
    },
    dispose() {
      if (disposed) return;
      disposed = true;
      decoding.dispose();
    },
  };
}

/** @throws OptionError unless these are the newest tokens of the running sequences */
function checkIds(ids: unknown, running: number, vocabSize: number): void {
  if (!(ids instanceof Int32Array) || ids.length !== running) {
    const found = ids instanceof Int32Array ? [...ids] : ids;
    throw refusedOption('next', 'ids', found, `an Int32Array with the newest id of each of the ${running} sequences`);
  }
  const outside = idOutside(ids, vocabSize);
  if (outside === undefined) return;
  throw refusedOption('next', `ids[${outside}]`, ids[outside], `an id of the vocabulary, from 0 to ${vocabSize - 1}`);
}

/** @throws OptionError without samples; DataError for one that is none */
function checkSamples(samples: readonly Sample[], vocabSize: number): void {
  requireOption('collate', 'samples', samples, Array.isArray(samples), 'a list of samples, { ids, promptLength }');
  if (samples.length === 0) throw new OptionError('collate: no samples.', { option: 'samples', found: 0, expected: 1 });
  for (let row = 0; row < samples.length; row++) {
    const { ids } = checkSample(`collate: sample ${row}`, samples[row]);
    const outside = idOutside(ids, vocabSize);
    if (outside === undefined) continue;
    throw new DataError(
      `collate: sample ${row} has the id ${ids[outside]}, the model's vocabulary has ${vocabSize}. ` +
        "Check that the tokenizer is the model's.",
      { found: ids[outside], expected: vocabSize },
    );
  }
}

/** @throws OptionError for what is no batch, or has an id outside the vocabulary; ShapeError where sizes do not fit */
function checkBatch(name: string, value: unknown, vocabSize: number): void {
  if (typeof value !== 'object' || value === null) {
    throw refusedOption('forward', name, value, 'a batch, as collate gives it');
  }
  const { batch, seq, ids, keyRange, source } = value as TokenBatch;
  checkOption('forward', `${name}.batch`, batch, ranges.count);
  checkOption('forward', `${name}.seq`, seq, ranges.count);
  checkLength(`${name}.ids`, ids, batch * seq);
  checkLength(`${name}.keyRange`, keyRange, 2 * batch);
  const outside = idOutside(ids, vocabSize);
  if (outside !== undefined) {
    const expected = `an id of the vocabulary, from 0 to ${vocabSize - 1}`;
    throw refusedOption('forward', `${name}.ids[${outside}]`, ids[outside], expected);
  }
  for (let row = 0; row < batch; row++) {
    const [first, end] = [keyRange[2 * row] as number, keyRange[2 * row + 1] as number];
    if (first >= 0 && first <= end && end <= seq) continue;
    throw refusedOption(
      'forward',
      `${name}.keyRange of row ${row}`,
      [first, end],
      `positions from 0 to ${seq}, in order`,
    );
  }
  if (source !== undefined) checkBatch(`${name}.source`, source, vocabSize);
}

/** @throws OptionError for prompts beside the answers where the model reads none, and the other way round; ShapeError */
function checkSource({ batch, source }: TokenBatch, encodes: boolean): void {
  if ((source !== undefined) !== encodes) {
    const expected = encodes
      ? 'a batch: what the encoder of an encoder-decoder model reads'
      : 'none: a decoder-only model reads prompt and answer as one sequence';
    throw refusedOption('forward', 'batch.source', source, expected, "Take the batch from the model's own collate.");
  }
  if (source === undefined || source.batch === batch) return;
  throw new ShapeError(`forward: batch.source has ${source.batch} rows, expected the ${batch} of the batch.`, {
    found: source.batch,
    expected: batch,
  });
}

function checkLength(name: string, found: unknown, length: number): void {
  if (!(found instanceof Int32Array)) throw refusedOption('forward', name, found, 'an Int32Array');
  if (found.length === length) return;
  throw new ShapeError(`forward: ${name} has ${found.length} elements, expected ${length}.`, {
    found: found.length,
    expected: length,
  });
}
