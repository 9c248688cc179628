/** Matrix products: each call takes the path that choose.ts names, shared among threads. */
import type { KernelCall } from '../../backend.js';
import { type LinearName, linearNames, type ProductName, productNames, productOf } from '../../kernels/products.js';
import { argumentsOf, at, type Entries, grainOf, scratchBytes, sizes, type Threads } from '../calls.js';
import { panelsOf } from '../panels.js';
import { choosePath } from './choose.js';
import { cutPieces, longestPiece } from './cut.js';

export function productKernels(threads: Threads): Entries<ProductName | LinearName> {
  const { pool, memory } = threads;
  const packed = (
    name: string,
    args: readonly number[],
    [m, n, k]: readonly [number, number, number],
    scratch = scratchBytes(threads, 'gemm', []),
  ) => {
    const { rows, cols } = cutPieces(m, n, k, pool.threads);
    const pieces = Math.ceil(m / rows) * Math.ceil(n / cols);
    pool.parallel(name, [...args, rows, cols], pieces, 1, scratch);
  };
  const dots = (
    { name, scratch }: { readonly name: string; readonly scratch: string },
    args: readonly number[],
    [m, n, k]: readonly [number, number, number],
  ) => {
    // Long pieces of the weight's rows: sequential reads are fastest.
    const even = Math.max(Math.ceil(n / pool.threads / 16) * 16, grainOf(threads, n, m * k, 16));
    const grain = Math.min(even, longestPiece(m, k));
    pool.parallel(name, args, n, grain, scratchBytes(threads, scratch, [m, n, k]));
  };
  /** Multiplies each segment of b's rows into a buffer of its own, then adds the buffers. */
  const segmented = (call: KernelCall<'gemmNN'>, segments: number) => {
    const [m, n, k] = sizes(call, ['m', 'n', 'k']);
    const [a, b, c] = [at(call.operands.a), at(call.operands.b), at(call.operands.c)];
    const { accumulate } = call.params;
    const scratch = scratchBytes(threads, 'gemmSkinnyNN', []);
    const segment = Math.ceil(k / segments / 4) * 4;
    const piecesEach = Math.ceil(pool.threads / segments);
    const even = Math.max(Math.ceil(n / piecesEach / 16) * 16, grainOf(threads, n, m * segment, 16));
    const cols = Math.min(even, longestPiece(m, segment));
    const pieces = segments * Math.ceil(n / cols);
    if (segments === 1) {
      pool.parallel('gemmSkinnyNN', [a, b, c, m, n, k, accumulate, segment, cols], pieces, 1, scratch);
      return;
    }
    const parts = memory.allocate(4 * segments * m * n, 'parts of a product');
    try {
      pool.parallel('gemmSkinnyNN', [a, b, parts, m, n, k, 0, segment, cols], pieces, 1, scratch);
      const args = [parts, c, m * n, segments, accumulate];
      pool.parallel('addSegments', args, m * n, grainOf(threads, m * n, segments, 16));
    } finally {
      memory.free(parts);
    }
  };
  /** A product with b as panels. Elements have the bits that they have without. */
  const withPanels = (call: KernelCall<'gemmNN'>, b: number) => {
    const [m, n, k] = sizes(call, ['m', 'n', 'k']);
    const args = [at(call.operands.a), b, at(call.operands.c), m, n, k, call.params.accumulate];
    const path = choosePath('gemmNN', m, n, k);
    if (path.kind !== 'segments') {
      return packed('gemmPanels', args, [m, n, k], scratchBytes(threads, 'gemmPanels', [m, n, k]));
    }
    const panels = Math.ceil(n / 16);
    // One long piece a thread: a is packed once for each.
    const even = Math.max(Math.ceil(panels / pool.threads), grainOf(threads, panels, 16 * m * k));
    const grain = Math.min(even, longestPiece(m, k) / 16);
    const segment = Math.ceil(k / path.segments / 4) * 4;
    pool.parallel(
      'gemmPanelsFew',
      [...args, segment],
      panels,
      grain,
      scratchBytes(threads, 'gemmPanelsFew', [m, n, k]),
    );
  };
  const entry =
    <K extends ProductName>(kernel: K) =>
    (call: KernelCall<K>) => {
      const sides = sizes(call, ['m', 'n', 'k']);
      const path = choosePath(kernel, ...sides);
      if (path.kind === 'packed') packed(path.name, argumentsOf(kernel, call), sides);
      else if (path.kind === 'dots') dots(path, argumentsOf(kernel, call), sides);
      else segmented(call as unknown as KernelCall<'gemmNN'>, path.segments);
    };
  const entries = Object.fromEntries(
    productNames.map((kernel) => [kernel, entry(kernel)]),
  ) as unknown as Entries<ProductName>;
  const products: Entries<ProductName> = {
    ...entries,
    gemmNN(call) {
      const [n, k] = sizes(call, ['n', 'k']);
      // First, for a may be the storage of b, and asking where it is ends its panels.
      at(call.operands.a);
      at(call.operands.c);
      const panels = panelsOf(threads, call.operands.b, k, n);
      if (panels === undefined) entries.gemmNN(call);
      else withPanels(call, panels);
    },
  };
  /** c starts as the bias, and the product is added. */
  const linear =
    <K extends LinearName>(kernel: K) =>
    ({ dims, operands: { bias, ...operands }, params }: KernelCall<LinearName>) => {
      const [m, n] = sizes({ dims }, ['m', 'n']);
      pool.parallel('broadcastRows', [at(bias), at(operands.c), m, n], m, grainOf(threads, m, n), 0);
      const multiply = products[productOf(kernel)] as (call: KernelCall<ProductName>) => void;
      multiply({ dims, operands, params: { ...params, accumulate: 1 } } as KernelCall<ProductName>);
    };
  const linears = Object.fromEntries(
    linearNames.map((kernel) => [kernel, linear(kernel)]),
  ) as unknown as Entries<LinearName>;
  return { ...products, ...linears };
}
