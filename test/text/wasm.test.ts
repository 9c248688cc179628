import { afterEach, expect, it, vi } from 'vitest';
import { LimitError } from '../../src/errors.js';
import { instantiateText } from '../../src/text/wasm.js';

afterEach(() => {
  vi.restoreAllMocks();
});

it('a system that gives no addresses for one more memory is a LimitError that says what to raise', () => {
  instantiateText();
  vi.spyOn(WebAssembly, 'Instance').mockImplementation(() => {
    throw new RangeError('WebAssembly.Instance(): Out of memory: Cannot allocate Wasm memory for new instance');
  });
  expect(() => instantiateText()).toThrow(LimitError);
  expect(() => instantiateText()).toThrow(/ulimit -v/);
});
