import { describe, expect, it } from 'vitest';
import { encodePrompt } from '../../src/data/encodePrompt.js';
import { compactTemplate, readInstructions } from '../../src/data/index.js';
import { DataError, OptionError } from '../../src/errors.js';
import { tokenizerFromFiles } from '../../src/text/index.js';
import base from '../oracles/tokenizer/tokenizer.json' with { type: 'json' };

// Both families keep vocab.json and merges.txt. GPT-2 puts nothing around a text; OPT puts BOS first, which is its
// </s>, the EOS as well.
const vocabulary = {
  'vocab.json': JSON.stringify(base.model.vocab),
  'merges.txt': base.model.merges.map((pair) => pair.join(' ')).join('\n'),
};
const eos = '<|endoftext|>';
const tokenizers = {
  'GPT-2': tokenizerFromFiles({
    ...vocabulary,
    'tokenizer_config.json': JSON.stringify({ tokenizer_class: 'GPT2Tokenizer', eos_token: eos }),
  }),
  OPT: tokenizerFromFiles({
    ...vocabulary,
    'tokenizer_config.json': JSON.stringify({
      tokenizer_class: 'GPT2Tokenizer',
      add_bos_token: true,
      bos_token: '</s>',
      eos_token: '</s>',
    }),
  }),
};

const long = 'the theory of the other one, with a café and an 😀 in it; ';
const fields = {
  'without input': { instruction: 'Name three colours.' },
  'with input': { instruction: 'Translate into German.', input: 'The cat sat on the mat.' },
  'with special tokens spelt out': { instruction: `Say ${eos} and </s> aloud.`, input: eos },
  'cut inside the instruction': { instruction: long.repeat(40) },
  'cut inside the input': { instruction: 'Summarise.', input: long.repeat(40) },
};

describe.each(Object.entries(tokenizers))('encodePrompt with the tokenizer of %s', (family, tokenizer) => {
  it.each(Object.entries(fields))('gives the ids that a training sample begins with, %s', async (what, prompt) => {
    const text = JSON.stringify({ ...prompt, output: 'an answer' });
    for (const template of ['alpaca', 'compact', 't5'] as const) {
      const limits = { template, maxPromptLength: 200 };
      const [sample] = (await readInstructions({ text }, { tokenizer, ...limits })).train;
      const ids = encodePrompt(prompt, { tokenizer, ...limits });
      expect([...ids]).toEqual([...sample!.ids.subarray(0, sample!.promptLength)]);
      expect(ids.length).toBeLessThanOrEqual(200);
      expect(sample!.promptCut).toBe(what.startsWith('cut'));
      // No BOS before it, no special token in it: nothing is left out of its text.
      expect(tokenizer.decode(ids, { skipSpecialTokens: true })).toBe(sample!.prompt);
    }
  });

  it("leaves out the BOS that the tokenizer's own encoding may put first", () => {
    const ids = encodePrompt({ instruction: 'Add.' }, { tokenizer, template: 'compact' });
    const encoded = tokenizer.encode(compactTemplate.render({ instruction: 'Add.' }));
    expect([...encoded]).toEqual(family === 'OPT' ? [tokenizer.bosTokenId, ...ids] : [...ids]);
  });
});

describe('encodePrompt', () => {
  const tokenizer = tokenizers['GPT-2'];

  it("takes the paper's template unless told otherwise, one of ours by name, or one's own, and cuts nothing by itself", () => {
    const text = (template?: Parameters<typeof encodePrompt>[1]['template']) =>
      tokenizer.decode(encodePrompt({ instruction: long.repeat(40) }, { tokenizer, template }));
    expect(text()).toBe(text('alpaca'));
    expect(text()).toContain(`### Instruction:\n${long.repeat(40)}\n\n### Response:\n`);
    expect(text('compact')).toBe(`Instruction: ${long.repeat(40)}\nResponse:\n`);
    expect(text({ name: 'own', render: ({ instruction, input }) => `${instruction}|${input}` })).toBe(
      `${long.repeat(40)}|`,
    );
  });

  it('refuses an unknown template, a length that is none, and a template that is too long', () => {
    const encode = (options: object) => encodePrompt({ instruction: 'x' }, { tokenizer, ...options });
    expect(() => encode({ template: 'toString' })).toThrow(OptionError);
    expect(() => encode({ template: 'mine' })).toThrow(
      'encodePrompt: template is mine, expected alpaca or compact or t5.',
    );
    expect(() => encode({ maxPromptLength: 0 })).toThrow(/maxPromptLength is 0, expected an integer of at least 1/);
    expect(() => encode({ maxPromptLength: 5 })).toThrow(DataError);
    expect(() => encode({ template: 'Compact' })).toThrow('Did you mean compact? Give a template of your own');
  });

  it('refuses fields that it would leave out', () => {
    const encode = (more: object) => () => encodePrompt({ instruction: 'x', ...more }, { tokenizer });
    expect(encode({ context: 'y' })).toThrow('there is no option context, expected one of instruction, input, prefix.');
    expect(encode({ inputs: 'y' })).toThrow('Did you mean input?');
    expect(encode({ instruction: '' })).toThrow('instruction is empty, expected some text.');
  });
});
