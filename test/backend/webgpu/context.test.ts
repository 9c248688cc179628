import { expect, it } from 'vitest';
import { foldGroups } from '../../../src/backend/webgpu/context.js';

it('folds workgroups over two sides, with fewer than a row too many', () => {
  for (const [groups, side] of [
    [1, 65535],
    [65535, 65535],
    [65536, 65535],
    [65535 * 7 + 1, 65535],
    [10, 3],
    [7, 3],
  ] as const) {
    const [x, y] = foldGroups(groups, side);
    expect(x).toBeLessThanOrEqual(side);
    expect(x * y).toBeGreaterThanOrEqual(groups);
    expect(x * y - groups).toBeLessThan(y);
  }
});
