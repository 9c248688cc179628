import { describe, expect, it } from 'vitest';
import { inWords, quoted, short } from '../src/inWords.js';

describe('a value in words', () => {
  it('is cut short, with its length', () => {
    expect(inWords({ a: [1, 'b', 2n], c: new Date(0), d: new Map() })).toMatch(/^\{"a":\[1,"b","2n"\],/);
    expect(inWords(Array(200).fill(1))).toBe(`[${'1,'.repeat(49)}1... (401 characters)`);
  });

  it('is there where it is an empty text', () => {
    expect(inWords('')).toBe('empty');
    expect(inWords([''])).toBe('[""]');
  });

  it('stays on its line, and moves no cursor', () => {
    expect([inWords('a\nb\u001b'), short('a\r\u2028\u202e')]).toEqual(['a\\nb\\u001b', 'a\\r\\u2028\\u202e']);
    expect(quoted('a\n"\u009b')).toBe('"a\\n\\"\\u009b"');
  });

  it('does not follow what is in many places of it without end', () => {
    let value: unknown = [];
    for (let i = 0; i < 100; i++) value = [value, value];
    expect(inWords(value)).toBe(`${'['.repeat(100)}... (more than 100000 values and characters)`);
    const text = 'x'.repeat(2 ** 24);
    const shared = inWords(Array(10_000).fill({ text, more: text }));
    expect(shared).toBe(`[{"text":"${'x'.repeat(90)}... (more than 100000 values and characters)`);
    expect(inWords(JSON.parse(`${'['.repeat(50_000)}${']'.repeat(50_000)}`))).toMatch(
      /^(\[+\.\.\.|an array that JSON)/,
    );
  });
});
