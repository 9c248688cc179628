/** Options that contradict each other: told before a file is looked at, for here none of them is there. */
import { describe, expect, it } from 'vitest';
import { distillm } from './workspace.js';

const train = 'train --method sft --student no/model --data no/data --out no/run';
const kd = 'train --method kd --teacher no/teacher --student no/model --data no/data --out no/run';
const distil = 'train --teacher no/teacher --student no/model --data no/data --out no/run';

describe('is wrong usage, told at once:', () => {
  it.each([
    [`${train} --epochs 3 --steps 10`, '--epochs 3 and --steps 10 are both given, and each is the length of the run.'],
    [
      `${train} --student-config no.json --tokenizer no/t`,
      '--student no/model and --student-config no.json are both given, and each is the model to train.',
    ],
    ['train --data no/data --out no/run', 'train needs the model to train: --student <source>, or --student-config'],
    [
      'train --method sft --data no/data --out no/run --student-config no.json',
      '--student-config makes a new model, which needs --tokenizer <source>.',
    ],
    [
      'train --data no/data --out no/run --student no/model',
      '--method distillm needs --teacher <source>, the model to learn from, or --teacher-cache <folder>. Without a teacher: --method sft.',
    ],
    [
      `${distil} --method gkd --loss skewKL --beta 0.3`,
      '--beta 0.3 is about what --method gkd sets, and --loss skewKL takes its place.',
    ],
    [
      `${distil} --method gkd --sgo onPolicy --lambda 0.3`,
      '--lambda 0.3 is about what --method gkd sets, and --sgo onPolicy takes its place.',
    ],
    [`${kd} --sgo dataOnly`, '--sgo does nothing with --method kd.'],
    [`${train} --compare-every 5`, '--compare-every does nothing with --method sft.'],
    [
      `${distil} --validation 0`,
      '--sgo adaptiveOffPolicy follows the validation loss, and --validation 0 holds nothing out.',
    ],
    [
      `${kd} --validation 0 --best-by loss`,
      '--best-by loss is about validations, and --validation 0 holds nothing out.',
    ],
    [`${kd} --best-by exactMatch --rouge-samples 0`, '--best-by exactMatch needs answers that are scored'],
    [`${train} --max-prompt-length 9 --max-length 9`, '--max-length is 9, expected more than --max-prompt-length (9).'],
    [`${train} --dry-run --profile no.json`, '--dry-run writes nothing, and --profile no.json is a file.'],
    [`${train} --arithmetic gpu --device wasm`, '--arithmetic gpu is that of --device webgpu, not of wasm.'],
    [`${train} --arithmetic plain --device webgpu`, '--arithmetic plain is that of --device wasm, not of webgpu.'],
    [`${train} --allow-software`, '--allow-software is for --device webgpu, and --device is auto.'],
    [
      'generate --model no/model --greedy --temperature 0.7 a',
      '--temperature 0.7 is about what is drawn, and --greedy',
    ],
    ['generate --model no/model --temperature 0 --top-k 5 a', '--top-k 5 is about what is drawn, and --temperature 0'],
    ['chat --model no/model --greedy --top-p 0.5', '--top-p 0.5 is about what is drawn, and --greedy draws nothing'],
    ['eval --model no/model --data no/data --greedy --top-p 0.5', '--top-p 0.5 is about what is drawn'],
    [
      'eval --model no/model --data no/data --seeds 1,2,1',
      '--seeds is 1,2,1, expected whole numbers with commas between',
    ],
    ['generate --model no/model --raw --template alpaca a', '--raw and --template alpaca are both given'],
    ['generate --model no/model --fields input=b a', '--fields is about the records of --prompts, which is not given.'],
    ['generate --model no/model --temperature -1 a', '--temperature is -1, expected a number of at least 0.'],
    ['generate --model no/model --temperature warm a', '--temperature is warm, expected a number of at least 0.'],
    [
      'generate --model no/model --temperature 1e-40 a',
      '--temperature is 1e-40, expected 0 or a number as f32 holds it (1.2e-38 to 3.4e38).',
    ],
    ['plot no/run --charts phi,phi', '--charts is phi,phi, expected some of trainingLoss,'],
  ])('%s', async (line, message) => {
    const { code, out, err } = await distillm(line);
    expect([code, out]).toEqual([2, '']);
    expect(err).toContain(`distillm: ${message}`);
  });
});

describe('is nothing that contradicts, so the file is what is missing:', () => {
  it.each([
    `${train} --steps 10 --device wasm --threads 1 --arithmetic plain`,
    `${kd} --validation 0`,
    `${distil} --validation 0 --sgo dataOnly --rouge-samples 0`,
    'generate --model no/model --greedy --temperature 0 --top-k 0 a',
    'eval --model no/model --data no/data --greedy --seeds 3,4',
  ])('%s', async (line) => {
    const { code, err } = await distillm(line);
    expect([code, err]).toEqual([1, expect.stringMatching(/^distillm: --(data|model) no\/.*there is no/)]);
  });
});
