import { afterEach, describe, expect, it, vi } from 'vitest';
import { OptionError } from '../../src/errors.js';
import * as browser from '../../src/platform/browser.js';
import * as node from '../../src/platform/node/index.js';

afterEach(() => vi.unstubAllGlobals());

describe('a path in a page', () => {
  it.each([
    ['models/gpt2', 'https://example.org/app/models/gpt2'],
    ['/models/gpt2/', 'https://example.org/models/gpt2'],
    ['../gpt2', 'https://example.org/gpt2'],
    ['//cdn.example.org/gpt2', 'https://cdn.example.org/gpt2'],
  ])('%s is a URL relative to the page', (path, url) => {
    vi.stubGlobal('location', { href: 'https://example.org/app/index.html' });
    expect(browser.openPath(path).name).toBe(url);
  });

  it.each([undefined, { href: 'about:srcdoc' }])('is refused where it cannot be resolved: %j', (location) => {
    vi.stubGlobal('location', location);
    expect(() => browser.openPath('models/gpt2')).toThrow(OptionError);
    expect(() => browser.openPath('models/gpt2')).toThrow(/'models\/gpt2' cannot be resolved .* Pass a whole URL/);
  });
});

it('a page and Node offer the same names', () => {
  const { hasGPUDevice: _, ...shared } = node;
  expect(Object.keys(browser).sort()).toEqual(Object.keys(shared).sort());
});
