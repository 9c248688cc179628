import { describe, expect, it } from 'vitest';
import { spellFlags } from '../../src/cli/options.js';

describe('spellFlags', () => {
  const names = ['allowSoftware', 'maxNewTokens', 'maxLength', 'noRepeatNgramSize', 'seed'];
  it.each([
    ['Cut the prompt, or lower maxNewTokens.', 'Cut the prompt, or lower --max-new-tokens.'],
    [
      "the 'wasm' device is faster; pass allowSoftware: true to use it",
      "the 'wasm' device is faster; pass --allow-software to use it",
    ],
    ["the models' positions. Lower maxNewTokens, or", "the models' positions. Lower --max-new-tokens, or"],
    ['x: maxLength is 3, expected 4 (maxLength)', 'x: --max-length is 3, expected 4 (--max-length)'],
    ['noRepeatNgramSize is -1', '--no-repeat-ngram-size is -1'],
  ])('says "%s" in flags', (message, expected) => expect(spellFlags(message, names)).toBe(expected));

  it.each([
    'a word of any message, such as seed',
    'topK, which is an option of other commands, or maxLengths, which is none',
    'runs/maxLength/config.json is missing',
    'maxLength/config.json, maxLength.json and my-maxLength are missing',
    'maxLength: there is no config.json in it',
    'tensor \'maxLength\' and token "a maxLength" are unknown',
  ])('leaves "%s" alone', (message) => expect(spellFlags(message, names)).toBe(message));

  it('does nothing without options', () => expect(spellFlags('lower maxLength', [])).toBe('lower maxLength'));
});
