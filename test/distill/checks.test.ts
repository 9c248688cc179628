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
    ['no loss', distils({ loss: undefined as never }), OptionError, /loss is undefined, expected one of forwardKL/],
    ['a model under its old name', tune({ model: undefined as never }), OptionError, /no model to train/],
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
      /data.train\[10\]: 17 tokens, the student takes 16/,
    ],
    [
      'an id outside the vocabulary',
      tune({ data: { train: data.train, validation: [{ ids: Int32Array.of(0, vocabSize), promptLength: 1 }] } }),
      CompatibilityError,
      /data.validation\[0\]: token id 12 at position 1 is outside the student's vocabulary of 12/,
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
      /tokenizer has 13 tokens, the student's vocabulary is 12/,
    ],
    [
      'tokenizers that differ',
      distils({ teacherTokenizer: tinyTokenizer([...letters.slice(0, 4), 'x', ...letters.slice(5)]) }),
      CompatibilityError,
      /the first token that differs is id 4: "x" for the teacher, "e" for the student/,
    ],
  ])('refuses %s', (_, start, type, message) => {
    expect(start).toThrow(type);
    expect(start).toThrow(message);
  });

  it('refuses vocabularies of other sizes, a frozen student, models that share weights or sit apart', async () => {
    const larger = await tinyModel(device, { vocab_size: vocabSize + 1, trainable: false });
    expect(distils({ teacher: larger })).toThrow(/teacher's vocabulary has 13 tokens, the student's 12/);
    expect(distils({ teacher: larger })).toThrow(CompatibilityError);
    expect(tune({ model: teacher })).toThrow(/no parameter of the student is trainable/);
    expect(distils({ teacher: student })).toThrow(/share weights/);
    const elsewhere = await tinyModel(openReference(), { trainable: false });
    expect(distils({ teacher: elsewhere })).toThrow(/different devices/);
    const short = await tinyModel(device, { n_positions: 4, trainable: false });
    expect(distils({ teacher: short })).toThrow(/data.train\[0\]: 5 tokens, the teacher takes 4/);
  });

  it('accepts what is right', () => {
    expect(distils({ sgo: adaptiveOffPolicy(), teacherTokenizer: tinyTokenizer() })).not.toThrow();
    expect(tokenizer.eosTokenId).toBe(eos);
  });
});
