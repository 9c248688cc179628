import { describe, expect, it } from 'vitest';
import { alpacaTemplate, compactTemplate, encodeInstruction } from '../../src/data/index.js';
import { DataError } from '../../src/errors.js';
import { smallTokenizer } from './helpers.js';

const tokenizer = smallTokenizer();
const eos = tokenizer.eosTokenId as number;
const encode = (text: string) => tokenizer.encode(text, { allowedSpecial: 'none' });
const limits = { tokenizer, template: alpacaTemplate, maxPromptLength: 256, maxLength: 512 };
const instruction = { instruction: 'Translate.', input: 'the cat', outputs: ['die Katze'] } as const;

describe('encodeInstruction', () => {
  it("renders the paper's prompt and ends the response with EOS", () => {
    const { ids, promptLength, prompt, promptCut, responseCut } = encodeInstruction(instruction, limits);
    expect(prompt).toBe(
      'Below is an instruction that describes a task, paired with an input that provides further context. ' +
        'Write a response that appropriately completes the request.\n\n' +
        '### Instruction:\nTranslate.\n\n### Input:\nthe cat\n\n### Response:\n',
    );
    expect(ids.subarray(0, promptLength)).toEqual(encode(prompt));
    expect(tokenizer.decode(ids.subarray(promptLength, -1))).toBe('die Katze');
    expect(ids.at(-1)).toBe(eos);
    expect([promptCut, responseCut]).toEqual([false, false]);
  });

  it('begins with the ids of the prompt even where a token would straddle the response', () => {
    const template = { name: 'bare', render: () => 'the ca' };
    const { ids, promptLength } = encodeInstruction({ ...instruction, outputs: ['t sat'] }, { ...limits, template });
    expect(ids.subarray(0, promptLength)).toEqual(encode('the ca'));
    expect(tokenizer.decode(ids.subarray(0, -1))).toBe('the cat sat');
  });

  it('cuts the input first, then the instruction, never the template', () => {
    const long = { instruction: 'Say the cat. '.repeat(30), input: 'mat é😀 '.repeat(200), outputs: ['x'] } as const;
    const template = encode(alpacaTemplate.render({ instruction: '', input: 'x' })).length;
    for (const room of [1, 2, 3, 10, 150]) {
      const cut = encodeInstruction(long, { ...limits, maxPromptLength: template + room, maxLength: 2000 });
      expect(cut.promptLength).toBeLessThanOrEqual(template + room);
      expect(cut.promptCut).toBe(true);
      expect(cut.prompt).toMatch(/^Below is an instruction[\s\S]*### Instruction:\n[\s\S]*\n\n### Response:\n$/);
      expect(cut.prompt).not.toContain('\ufffd');
      expect(cut.ids.at(-1)).toBe(eos);
    }
    const inputOnly = encodeInstruction(
      { ...long, instruction: 'Say.' },
      { ...limits, maxPromptLength: template + 60 },
    );
    expect(inputOnly.prompt).toContain('### Instruction:\nSay.\n\n### Input:\nmat é😀 mat');
  });

  it('cuts a long response at the end, EOS included', () => {
    const { ids, responseCut } = encodeInstruction(
      { ...instruction, outputs: ['x'.repeat(600)] },
      { ...limits, template: compactTemplate, maxLength: 100 },
    );
    expect(ids.length).toBe(100);
    expect(responseCut).toBe(true);
    expect(ids.at(-1)).not.toBe(eos);
  });

  it('says when the template alone is too long', () => {
    expect(() => encodeInstruction(instruction, { ...limits, maxPromptLength: 5 })).toThrow(DataError);
    expect(() => encodeInstruction(instruction, { ...limits, maxPromptLength: 5 })).toThrow(
      /'alpaca' alone takes \d+ tokens/,
    );
  });
});
