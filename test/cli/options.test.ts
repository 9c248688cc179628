import { describe, expect, it } from 'vitest';
import { runChoices, runFlags } from '../../src/cli/commands/trainOptions.js';
import { spellFlags } from '../../src/cli/options.js';

describe('spellFlags', () => {
  const names = ['allowSoftware', 'arithmetic', 'maxNewTokens', 'maxLength', 'noRepeatNgramSize', 'seed', 'validation'];
  const flags = new Map([...names.map((name): [string, string] => [name, name]), ...runFlags]);
  it.each([
    ['Cut the prompt, or lower maxNewTokens.', 'Cut the prompt, or lower --max-new-tokens.'],
    [
      "the 'wasm' device is faster; pass allowSoftware: true to use it",
      "the 'wasm' device is faster; pass --allow-software to use it",
    ],
    ["the models' positions. Lower maxNewTokens, or", "the models' positions. Lower --max-new-tokens, or"],
    ['x: maxLength is 3, expected 4 (maxLength)', 'x: --max-length is 3, expected 4 (--max-length)'],
    ['noRepeatNgramSize is -1', '--no-repeat-ngram-size is -1'],
    ['optimizer.weightDecay was 0 and is 0.1; seed was 1', '--weight-decay was 0 and is 0.1; --seed was 1'],
    ['sgo.guard.cap was 1 and is 0.5; loss.alpha was 0.1', '--phi-cap was 1 and is 0.5; --alpha was 0.1'],
    ['adaptiveOffPolicy: guard.cap is 2, expected', 'adaptiveOffPolicy: --phi-cap is 2, expected'],
    ['training: validation.rougeL.samples is -1', 'training: --rouge-samples is -1'],
    ["Resume, or give arithmetic 'fused' to go on", 'Resume, or give --arithmetic fused to go on'],
    ['seed is -1, expected an integer', '--seed is -1, expected an integer'],
    ['epochs (2) and steps (1) are both given', '--epochs (2) and --steps (1) are both given'],
    ['the loss, but data.validation is empty.', 'the loss, but --validation is empty.'],
    ['data.train[6]: 600 tokens, the student takes 512', 'sample 7 of --data: 600 tokens, the student takes 512'],
    ['data.validation[1233]: has no prompt', 'sample 1,234 of --validation: has no prompt'],
    ['data.train: of its 3 samples none has', '--data: of its 3 samples none has'],
    ["distill: sgo 'adaptiveOffPolicy' follows the loss", 'distill: --sgo adaptiveOffPolicy follows the loss'],
    ['Raise kdRatio, or take sgo dataOnly().', 'Raise --kd-ratio, or take --sgo dataOnly.'],
    ["validation.bestBy 'exactMatch' needs answers", '--best-by exactMatch needs answers'],
    [
      'all 5 records go to the validation set (validation: 5).',
      'all 5 records go to the validation set (--validation 5).',
    ],
    ["onDeviceLoss 'wasm', and schedule 'noam'", '--on-device-loss wasm, and --schedule noam'],
  ])('says "%s" in flags', (message, expected) => expect(spellFlags(message, flags, runChoices)).toBe(expected));

  it.each([
    'a word of any message, such as seed',
    'the seed is odd, and no seed (of any kind) was found',
    'tests/seed is missing; no-seed was found',
    'topK, which is an option of other commands, or maxLengths, which is none',
    'runs/maxLength/config.json is missing',
    'maxLength/config.json, maxLength.json and my-maxLength are missing',
    'maxLength: there is no config.json in it',
    'tensor \'maxLength\' and token "a maxLength" are unknown',
    "the template 'compact' alone takes 9 tokens, and the text 'loss' is none",
    "runs/sgo/data.train[3].json: there is no file, and my-sgo 'x' is none",
  ])('leaves "%s" alone', (message) => expect(spellFlags(message, flags, runChoices)).toBe(message));

  it('does nothing without options', () => expect(spellFlags('lower maxLength', new Map())).toBe('lower maxLength'));
});
