import { beforeAll, describe, expect, it } from 'vitest';
import { skewKL } from '../../src/distill/losses/index.js';
import { adaptiveOffPolicy } from '../../src/distill/sgo/index.js';
import { type DistillOptions, distill, type FineTuneOptions, fineTune } from '../../src/distill/trainer/index.js';
import { CompatibilityError, DataError, LimitError, OptionError } from '../../src/errors.js';
import type { LanguageModel } from '../../src/models/index.js';
import { openReference } from '../harness/referenceBackend.js';
import { eos, letters, succession, tinyModel, tinyTokenizer, vocabSize } from './fixtures.js';

const device = openReference({ precision: 'f32' });
const data = { train: succession(2), validation: succession(2) };
const tokenizer = tinyTokenizer();
let student: LanguageModel;
let teacher: LanguageModel;
beforeAll(async () => {
  student = await tinyModel(device);
  teacher = await tinyModel(device, { seed: 2, trainable: false });
});

const tune = (options: Partial<FineTuneOptions>) => () => fineTune({ model: student, data, steps: 1, ...options });
const distils = (options: Partial<DistillOptions>) => () =>
  distill({ student, teacher, data, tokenizer, loss: skewKL(), steps: 1, maxNewTokens: 4, ...options });

const trains = (given: unknown) => tune({ data: given as never });

describe('before a run starts', () => {
  it.each<[string, () => unknown, new (...args: never[]) => Error, RegExp]>([
    ['no length', tune({ steps: undefined as never }), OptionError, /neither epochs nor steps/],
    ['two lengths', tune({ epochs: 2 }), OptionError, /epochs \(2\) and steps \(1\) are both given/],
    ['no steps', tune({ steps: 0 }), OptionError, /steps is 0, expected an integer of at least 1/],
    ['half a batch', tune({ batchSize: 0.5 }), OptionError, /batchSize is 0.5/],
    ['no accumulation', tune({ gradAccumulationSteps: 0 }), OptionError, /gradAccumulationSteps is 0/],
    ['validation never', tune({ validation: { every: 0 } }), OptionError, /validation.every is 0/],
    ['a negative warmup', tune({ warmupSteps: -1 }), OptionError, /warmupSteps is -1/],
    ['a warmup longer than the run', tune({ warmupSteps: 5 }), OptionError, /from 0 to totalSteps \(1\)/],
    [
      'an unknown schedule',
      tune({ schedule: 'step' as never }),
      OptionError,
      /schedule is step, expected one of constant/,
    ],
    [
      'a schedule that is a function',
      tune({ schedule: (() => 1) as never }),
      OptionError,
      /schedule is a function, expected/,
    ],
    [
      'lr outside of its group',
      tune({ lr: 1 } as never),
      OptionError,
      /no option lr, .* Did you mean optimizer\.lr\?$/,
    ],
    [
      'the learning rate by another name',
      tune({ learningRate: 1 } as never),
      OptionError,
      /no option learningRate, .* Did you mean optimizer\.lr\?$/,
    ],
    [
      'an option of a loss',
      distils({ alpha: 1 } as never),
      OptionError,
      /no option alpha, .* Did you mean loss\.alpha or studentLoss\.alpha or curriculum\.alpha\?$/,
    ],
    [
      'the name of a policy',
      distils({ sgo: 'adaptiveOffPolicy' as never }),
      OptionError,
      /sgo is the string 'adaptiveOffPolicy', expected .* Call it: adaptiveOffPolicy\(\)\.$/,
    ],
    ['an option that is unknown', tune({ batchsize: 3 } as never), OptionError, /no option batchsize, expected one of/],
    [
      'an unknown policy',
      distils({ sgo: { kind: 'never' } as never }),
      OptionError,
      /sgo.kind is never, expected one of/,
    ],
    [
      'a policy out of range',
      distils({ sgo: { ...adaptiveOffPolicy(), capacity: 0 } }),
      OptionError,
      /sgo.capacity is 0/,
    ],
    ['no loss', distils({ loss: undefined as never }), OptionError, /loss is undefined, expected one of alphaBeta, /],
    ['a model under its old name', tune({ model: undefined as never }), OptionError, /fineTune: no model is given/],
    ['a negative lr', tune({ optimizer: { lr: -1 } }), OptionError, /lr is -1/],
    ['a fractional seed', tune({ seed: 0.5 }), OptionError, /seed is 0.5/],
    ['kdRatio above 1', distils({ kdRatio: 1.5 }), OptionError, /kdRatio is 1.5, expected a number from 0 to 1/],
    ['lmCoef 0', tune({ lmCoef: 0 }), OptionError, /lmCoef is 0/],
    ['no data', tune({ data: { train: [] } }), DataError, /data.train is empty/],
    ['no text', tune({ data: { ...data, text: [] } }), DataError, /data.text is empty/],
    ['resume from nowhere', tune({ resume: true }), OptionError, /resume needs checkpoint/],
    ['ROUGE-L without a tokenizer', tune({ validation: { rougeL: { samples: 2 } } }), OptionError, /needs a tokenizer/],
    [
      'ROUGE-L without validation data',
      tune({ data: { train: data.train }, tokenizer, validation: { rougeL: { samples: 2 } } }),
      OptionError,
      /rougeL needs data.validation/,
    ],
    [
      'student outputs without EOS',
      distils({ sgo: adaptiveOffPolicy(), tokenizer: undefined as never }),
      OptionError,
      /sgo 'adaptiveOffPolicy' .* needs a tokenizer with an EOS token/,
    ],
    [
      'an adaptive policy without validation data',
      distils({ sgo: adaptiveOffPolicy(), data: { train: data.train } }),
      OptionError,
      /follows the validation loss, but data.validation is empty/,
    ],
    [
      'a buffer smaller than a batch',
      distils({ sgo: adaptiveOffPolicy({ capacity: 7 }) }),
      OptionError,
      /capacity is 7, expected at least the 8/,
    ],
    [
      'answers longer than the models',
      distils({ sgo: adaptiveOffPolicy(), maxNewTokens: 15 }),
      LimitError,
      /answers of 15 new tokens do not fit: the longest prompt leaves 14/,
    ],
    [
      'a prompt to answer that is empty',
      distils({ sgo: adaptiveOffPolicy(), data: { ...data, train: [{ ids: Int32Array.of(1), promptLength: 0 }] } }),
      DataError,
      /data.train\[0\]: has no prompt/,
    ],
    [
      'a sequence longer than the model',
      tune({ data: { train: [...data.train, { ids: new Int32Array(17), promptLength: 1 }] } }),
      LimitError,
      /data.train\[10\]: 17 tokens, the model takes 16/,
    ],
    [
      'an id outside the vocabulary',
      tune({ data: { train: data.train, validation: [{ ids: Int32Array.of(0, vocabSize), promptLength: 1 }] } }),
      CompatibilityError,
      /data.validation\[0\]: token id 12 at position 1 is outside the model's vocabulary of 12/,
    ],
    [
      'a prompt longer than its sequence',
      tune({ data: { train: [{ ids: Int32Array.of(1, 2), promptLength: 3 }] } }),
      DataError,
      /2 tokens with a prompt of 3/,
    ],
    [
      'a tokenizer larger than the model',
      tune({ tokenizer: tinyTokenizer([...letters, 'l']) }),
      CompatibilityError,
      /tokenizer has 13 tokens, the vocabulary of the model has 12/,
    ],
    [
      'tokenizers that differ',
      distils({ teacherTokenizer: tinyTokenizer([...letters.slice(0, 4), 'x', ...letters.slice(5)]) }),
      CompatibilityError,
      /their tokenizers differ, first in these: id 4 is "x" for the teacher, "e" for the student\. Both/,
    ],
    [
      'a student for fineTune',
      tune({ student } as never),
      OptionError,
      /no option student. Give the model .* as model/,
    ],
    ['a teacher for fineTune', tune({ teacher } as never), OptionError, /no option teacher, expected one of/],
    ['a model for distill', distils({ model: 1 } as never), OptionError, /no option model, expected one of/],
    ['no teacher', distils({ teacher: undefined as never }), OptionError, /no teacher is given.* or call fineTune/],
    ['null for a teacher', distils({ teacher: null as never }), OptionError, /no teacher is given.* or call fineTune/],
    [
      'a model that is still loading',
      distils({ teacher: Promise.resolve() as never }),
      OptionError,
      /distill: teacher is a Promise, expected a model, as loadModel gives it after await/,
    ],
    [
      'a path for a model',
      tune({ model: './gpt2' as never }),
      OptionError,
      /fineTune: model is .\/gpt2, expected a mod/,
    ],
    ['a path for a tokenizer', tune({ tokenizer: 'x' as never }), OptionError, /tokenizer is x, expected a tokenizer/],
    ['no options', () => distill(undefined as never), OptionError, /distill: options is undefined, expected an obj/],
    ['null for options', () => distill(null as never), OptionError, /distill: options is null, expected an object/],
    ['a map of options', () => fineTune(new Map() as never), OptionError, /fineTune: options is a Map, expected/],
    [
      'no data',
      tune({ data: undefined as never }),
      OptionError,
      /fineTune: data is undefined, expected an object with/,
    ],
    ['data without samples', tune({ data: {} as never }), OptionError, /data.train is undefined, expected an array/],
    [
      'data that are one sample',
      trains({ train: data.train[0] }),
      OptionError,
      /data.train is {.*}, expected an array/,
    ],
    [
      'data that are still being read',
      trains(Promise.resolve(data)),
      OptionError,
      /fineTune: data is a Promise, expected an object with train, as readInstructions gives it after await\.$/,
    ],
    [
      'samples in place of the data',
      trains(data.train),
      OptionError,
      /fineTune: data is \[.*, expected an object with train, .*\. Give all that .* gave, or a list of samples as { tr/,
    ],
    [
      'samples of data that are still being read',
      trains({ train: (Promise.resolve(data) as never as typeof data).train }),
      OptionError,
      /data.train is undefined, expected an array of samples, as readInstructions gives it after await/,
    ],
    [
      'a number for a folder',
      tune({ checkpoint: 5 as never }),
      OptionError,
      /checkpoint is 5, expected a folder's path/,
    ],
    [
      'a word for a switch',
      tune({ resume: 'yes' as never }),
      OptionError,
      /resume is the string 'yes', expected true or false/,
    ],
    ['a flag for a signal', tune({ signal: true as never }), OptionError, /signal is true, expected an AbortSignal/],
    ['null for a sample', trains({ train: [null] }), DataError, /data.train\[0\] is null, expected a sample/],
    [
      'a hole for a sample',
      trains({ train: new Array(2) }),
      DataError,
      /data.train\[0\] is undefined, expected a samp/,
    ],
    [
      'ids in an array',
      trains({ ...data, validation: [data.train[0], { ids: [1, 2], promptLength: 1 }] }),
      DataError,
      /data.validation\[1\].ids is \[1,2\], expected an Int32Array/,
    ],
    [
      'ids that are floats',
      trains({ ...data, text: [{ ids: Float32Array.of(1), promptLength: 0 }] }),
      DataError,
      /data.text\[0\].ids is a Float32Array, expected an Int32Array/,
    ],
    ...[1.5, '1', undefined].map((promptLength): [string, () => unknown, typeof DataError, RegExp] => [
      `a prompt of ${JSON.stringify(promptLength)} tokens`,
      trains({ train: [{ ids: Int32Array.of(1, 2, 3), promptLength }] }),
      DataError,
      new RegExp(`data.train\\[0\\].promptLength is ${promptLength}, expected an integer`),
    ]),
  ])('refuses %s', (_, start, type, message) => {
    expect(start).toThrow(type);
    expect(start).toThrow(message);
  });

  it('refuses a validation without any token of a response where its loss would steer or choose', () => {
    const validation = succession(2).map(({ ids }) => ({ ids, promptLength: ids.length }));
    const of = { data: { ...data, validation } };
    expect(distils({ ...of, sgo: adaptiveOffPolicy() })).toThrow(DataError);
    expect(distils({ ...of, sgo: adaptiveOffPolicy() })).toThrow(
      /of its 10 samples none has a token of an answer, .* for sgo 'adaptiveOffPolicy' to follow/,
    );
    expect(distils(of)).toThrow(/no validation loss by which to choose the best/);
    const scored = { rougeL: { samples: 2 } };
    expect(distils({ ...of, validation: { bestBy: 'loss', ...scored } })).toThrow(/by which to choose the best/);
    expect(distils({ ...of, validation: scored })).not.toThrow();
    // One token is enough.
    const one = [...validation, succession(2)[0]!];
    expect(distils({ data: { ...data, validation: one }, sgo: adaptiveOffPolicy() })).not.toThrow();
  });

  it('refuses training data without any token of a response, unless the student answers its prompts', () => {
    const train = succession(2).map(({ ids }) => ({ ids: ids.subarray(0, 2), promptLength: 2 }));
    const nothing = /^data\.train: of its 10 samples none has a token of an answer, so there is nothing to learn/;
    for (const start of [tune({ data: { train } }), distils({ data: { train } })]) {
      expect(start).toThrow(DataError);
      expect(start).toThrow(nothing);
    }
    expect(tune({ data: { train: [{ ids: Int32Array.of(1), promptLength: 0 }] } })).toThrow(/of its 1 sample none has/);
    expect(tune({ data: { ...data, text: [{ ids: Int32Array.of(1), promptLength: 0 }] } })).toThrow(
      /^data\.text: of its 1 sample none has/,
    );
    expect(tune({ data: { train: [...train, ...succession(1)] } })).not.toThrow();
    expect(distils({ data: { ...data, train }, sgo: adaptiveOffPolicy({ initThreshold: 1 }) })).not.toThrow();
  });

  it('refuses to choose by answers that are not scored, and student outputs from which nothing is learnt', () => {
    expect(distils({ validation: { bestBy: 'exactMatch' } })).toThrow(/bestBy 'exactMatch' needs answers/);
    expect(distils({ kdRatio: 0, sgo: adaptiveOffPolicy() })).toThrow(/kdRatio is 0, and sgo 'adaptiveOffPolicy'/);
    expect(distils({ kdRatio: 0 })).not.toThrow();
  });

  it('names the template of a model that its samples are too long for', () => {
    const long = { ...data, train: [{ ids: new Int32Array(17), promptLength: 9 }], template: 'alpaca' };
    const { promptTemplate } = student;
    try {
      student.promptTemplate = 'compact';
      expect(tune({ data: long })).toThrow(
        "Read the data with a maxLength of at most 16, and in the template 'compact', with which the model was trained: the prompts are in 'alpaca'.",
      );
      student.promptTemplate = 'alpaca';
      expect(tune({ data: long })).toThrow(/at most 16\.$/);
    } finally {
      student.promptTemplate = promptTemplate;
    }
  });

  it('refuses vocabularies of other sizes, a frozen student, models that share weights or sit apart', async () => {
    const larger = await tinyModel(device, { vocab_size: vocabSize + 129, trainable: false });
    expect(distils({ teacher: larger })).toThrow(/teacher's vocabulary has 141 tokens, the student's 12\. Both/);
    expect(distils({ teacher: larger })).toThrow(CompatibilityError);
    const smaller = await tinyModel(device, { vocab_size: vocabSize - 1, trainable: false });
    expect(distils({ teacher: smaller })).toThrow(/tokenizer has 12 tokens, the vocabulary of the teacher has 11/);
    expect(distils({ teacher: smaller, tokenizer: undefined as never })).toThrow(
      /data.train\[0\]: token id 11 at position 4 is outside the teacher's vocabulary of 11/,
    );
    expect(tune({ model: teacher })).toThrow(/no parameter of the model is trainable/);
    expect(distils({ teacher: student })).toThrow(/share weights/);
    const elsewhere = await tinyModel(openReference(), { trainable: false });
    expect(distils({ teacher: elsewhere })).toThrow(/different devices/);
    const short = await tinyModel(device, { n_positions: 4, trainable: false });
    expect(distils({ teacher: short })).toThrow(/data.train\[0\]: 5 tokens, the teacher takes 4/);
  });

  it('names the first three tokens that differ', () => {
    const reversed = tinyTokenizer([...letters].reverse());
    expect(distils({ teacherTokenizer: reversed })).toThrow(
      /: id 0 is "k" for .*"a" for the student; id 1 is "j" .*; id 2 is "i" for the teacher, "c" for the student\. Both/,
    );
  });

  it('accepts what is right', () => {
    expect(distils({ sgo: adaptiveOffPolicy(), teacherTokenizer: tinyTokenizer() })).not.toThrow();
    expect(tokenizer.eosTokenId).toBe(eos);
  });
});
