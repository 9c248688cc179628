import { expect, it } from 'vitest';
import { porterStem } from '../../src/metrics/porterStemmer.js';
import stems from '../oracles/metrics/stems.json';

it("gives NLTK's stems", () => {
  const wrong = stems.flatMap(([word, stem]) => {
    const found = porterStem(word as string);
    return found === stem ? [] : [`${word}: ${found}, expected ${stem}`];
  });
  expect(stems.length).toBeGreaterThan(500);
  expect(wrong).toEqual([]);
});
