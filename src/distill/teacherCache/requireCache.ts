/** Whether a run can use a teacher cache: every check that needs no file. */
import { CompatibilityError, OptionError } from '../../errors.js';
import { usualPadding } from '../../models/checkTokenizer.js';
import type { LanguageModel } from '../../models/model.js';
import { coarseKinds } from '../../tensor/index.js';
import type { Tokenizer } from '../../text/index.js';
import type { RunOptions } from '../settings.js';
import { dataOnly, policyFacts } from '../sgo/index.js';
import type { TrainingData } from '../trainer/options.js';
import { dataDifferences, dataFacts, vocabularyDigest } from './facts.js';
import type { TeacherCache } from './openTeacherCache.js';

/**
 * Options that need more of the teacher than a cache has, and models that it does not fit.
 * @throws OptionError, CompatibilityError
 */
export function requireCache(
  { name, facts }: TeacherCache,
  { student, tokenizer }: { readonly student: LanguageModel; readonly tokenizer: Tokenizer | undefined },
  { loss, sgo = dataOnly(), answers, compareEvery = 0 }: RunOptions,
): void {
  if (policyFacts(sgo).generates) {
    throw new OptionError(
      `distill: sgo '${sgo.kind}' trains on the student's own answers, and a teacherCache has predictions on those of the data ` +
        'alone. Take sgo dataOnly(), or give the teacher itself.',
      { option: 'sgo', found: sgo.kind, expected: 'dataOnly' },
    );
  }
  if (answers === 'teacher') {
    throw new OptionError(
      "distill: answers is 'teacher', and a teacherCache has predictions on the answers of the data alone. Leave it out, or give the " +
        'teacher itself.',
      { option: 'answers', found: answers, expected: 'data' },
    );
  }
  if (compareEvery > 0) {
    throw new OptionError(
      `distill: compareEvery is ${compareEvery}, and comparing takes all of the teacher's predictions, of which a teacherCache has ` +
        'the likeliest alone. Leave it out, or give the teacher itself.',
      { option: 'compareEvery', found: compareEvery, expected: 0 },
    );
  }
  if (loss && !coarseKinds.has(loss.kind)) {
    throw new OptionError(
      `distill: loss '${loss.kind}' needs each of the teacher's probabilities, and a teacherCache has the likeliest alone. Take one ` +
        `of ${[...coarseKinds].join(', ')}, or give the teacher itself.`,
      { option: 'loss', found: loss.kind, expected: [...coarseKinds] },
    );
  }
  const { topK, vocabSize, temperature, startTokenId } = facts;
  if (loss?.topK !== undefined) {
    throw new OptionError(
      `distill: loss.topK is ${loss.topK}, and which tokens of a prediction stand alone a teacherCache has settled: in ${name} ` +
        `the ${topK} likeliest. Leave it out, or give the teacher itself.`,
      { option: 'loss.topK', found: loss.topK },
    );
  }
  const option = loss?.teacherTemperature === undefined ? 'loss.temperature' : 'loss.teacherTemperature';
  const taught = loss?.teacherTemperature ?? loss?.temperature;
  // Where all tokens are named, nothing is hidden in the rest.
  if (taught !== undefined && taught !== temperature && topK < vocabSize) {
    throw new OptionError(
      `distill: ${option} is ${taught}, the predictions in ${name} were made with ${temperature}: what tokens without a ` +
        'name have together at another temperature cannot be told. Take that of the cache, or make one with this.',
      { option, found: taught, expected: temperature },
    );
  }
  if ((student.startTokenId ?? null) !== startTokenId) {
    const kindOf = (start: number | null) =>
      start === null ? 'decoder-only' : `an encoder-decoder model whose answers begin with the token ${start}`;
    throw new CompatibilityError(
      `distill: the teacher of ${name} is ${kindOf(startTokenId)}, the student ${kindOf(student.startTokenId ?? null)}. Both must ` +
        'read an answer in the same way: take models of the same kind.',
      { found: startTokenId, expected: student.startTokenId ?? null },
    );
  }
  if (vocabSize > student.vocabSize || student.vocabSize - vocabSize > usualPadding(vocabSize)) {
    const advice =
      vocabSize > student.vocabSize && vocabSize - student.vocabSize <= usualPadding(student.vocabSize)
        ? `Make the cache with vocabSize ${student.vocabSize}.`
        : 'Both must use the same tokenizer: take a student of the same family.';
    throw new CompatibilityError(
      `distill: the predictions in ${name} are of ${vocabSize} tokens, the student's vocabulary has ${student.vocabSize}. ${advice}`,
      { found: vocabSize, expected: student.vocabSize },
    );
  }
  if (topK > vocabSize) throw new CompatibilityError(`distill: ${name} names ${topK} tokens of ${vocabSize}.`);
  if (tokenizer && facts.tokenizer !== null && vocabularyDigest(tokenizer) !== facts.tokenizer) {
    throw new CompatibilityError(
      `distill: the teacher cache in ${name} is of another tokenizer: its tokens are others (by their SHA-256). Take the tokenizer of ` +
        'the teacher, or make a cache with this one.',
      { found: facts.tokenizer },
    );
  }
}

/**
 * The cache is of these samples, in this order.
 * @param digest of `train`, as the settings of a run have it
 * @throws CompatibilityError with what differs
 */
export function requireSameData(
  { name, facts: { data } }: TeacherCache,
  { train, template }: TrainingData,
  digest: string,
): void {
  const differences = dataDifferences(data, dataFacts({ train, template }, digest));
  if (differences.length === 0) return;
  throw new CompatibilityError(
    `distill: the teacher cache in ${name} is of other data: ${differences.join('; ')}. Read the data as for the cache, with the same ` +
      'validation, template, maxLength and maxPromptLength, or make a cache of these.',
    { found: data.digest, expected: digest },
  );
}
