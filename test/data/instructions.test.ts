import { describe, expect, it } from 'vitest';
import { parseInstructions } from '../../src/data/index.js';
import { DataError } from '../../src/errors.js';

describe('parseInstructions', () => {
  it("takes Alpaca's and Dolly's field names, strings and lists", () => {
    const lines = [
      '{"instruction": "Add.", "input": "1 2", "output": "3"}',
      '{"instruction": "Name one.", "context": "", "response": ["red", "blue"], "category": "open_qa"}',
      '{"instruction": "Say hi.", "output": ""}',
    ];
    expect(parseInstructions(`${lines.join('\r\n')}\n\n`, 'd.jsonl')).toEqual([
      { instruction: 'Add.', input: '1 2', outputs: ['3'] },
      { instruction: 'Name one.', input: '', outputs: ['red', 'blue'] },
      { instruction: 'Say hi.', input: '', outputs: [''] },
    ]);
  });

  it.each([
    ['{"instruction": "x", "output": ', /d\.jsonl: line 2 is not JSON/],
    ['{"output": "x"}', /line 2: field 'instruction'/],
    ['{"instruction": "x"}', /line 2 has no 'output'/],
    ['{"instruction": "x", "output": []}', /line 2: field 'output/],
    ['{"instruction": "x", "output": 3}', /line 2: field 'output/],
    ['["instruction"]', /line 2/],
  ])('names the line of %s', (line, message) => {
    const text = `{"instruction": "fine", "output": "fine"}\n${line}`;
    expect(() => parseInstructions(text, 'd.jsonl')).toThrow(message);
    expect(() => parseInstructions(text, 'd.jsonl')).toThrow(DataError);
  });

  it('gives the column of an error, and no line but that of the file', () => {
    // Node 20 and later say where.
    const text = '{"instruction": "fine", "output": "fine"}\n{"instruction": 1 2}';
    expect(() => parseInstructions(text, 'd.jsonl')).toThrow(/line 2 is not JSON \((?!.*\bline \d).*column 19/);
  });
});
