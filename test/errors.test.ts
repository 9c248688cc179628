import { describe, expect, it } from 'vitest';
import { counted, countedOf, formatBytes } from '../src/errors.js';

describe('things that are counted', () => {
  it.each([
    [counted(1, 'step'), '1 step'],
    [counted(0, 'step'), '0 steps'],
    [counted(1234, 'entry'), '1,234 entries'],
    [counted(2, 'batch'), '2 batches'],
    [counted(2, 'day'), '2 days'],
    [counted(1, 'record', 'are'), '1 record is'],
    [counted(2, 'record', 'have'), '2 records have'],
    [countedOf(1, 89, 'record', 'are'), '1 of 89 records is'],
    [countedOf(3, 89, 'record', 'were'), '3 of 89 records were'],
    [countedOf(1, 1, 'record', 'have'), '1 of 1 record has'],
  ])('%s', (found, expected) => expect(found).toBe(expected));

  it('bytes, of which one is no bytes', () => {
    expect([0, 1, 2, 1023, 1024, 1536].map(formatBytes)).toEqual([
      ...['0 bytes', '1 byte', '2 bytes', '1023 bytes'],
      ...['1.0 KiB', '1.5 KiB'],
    ]);
  });
});
