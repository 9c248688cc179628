/**
 * V8's packing of vectors into 256 bits is an experimental flag, and a pattern that it stumbles over ends the process: each
 * kernel that runs by its plan, in a process of its own, for so long that V8 has optimised it.
 */
import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { expect, it } from 'vitest';
import { operandEntries, operandSpecs } from '../../../src/backend/check.js';
import { type KernelSpec, kernels, plannedKernels } from '../../../src/backend/kernels/index.js';
import { kernelGlobals } from '../../../src/backend/wasm/compile.js';
import type { AnyCase } from '../../../src/testing/case.js';
import { cases } from '../../../src/testing/cases/index.js';

/** Bytes in front of the operands, the working memory of the thread among them. */
const FIRST = 2 ** 22;
/** Cases of more elements would fill the time with few calls. */
const MOST = 2 ** 17;

/** The arguments of a kernel's function on operands of zeros, as src/backend/wasm/calls.ts makes them. */
function callOf(kernel: (typeof plannedKernels)[number]) {
  const spec: KernelSpec = kernels[kernel];
  const sizeOf = ({ dims }: AnyCase) =>
    operandSpecs(kernel).reduce((sum, [, operand]) => sum + operandEntries(operand, dims), 0);
  const fitting = (cases[kernel] as readonly AnyCase[]).filter((testCase) => sizeOf(testCase) < MOST);
  const { dims, params } = fitting.toSorted((a, b) => sizeOf(b) - sizeOf(a))[0]!;
  let pointer = FIRST;
  const operands = operandSpecs(kernel).map(([, operand]) => {
    const at = pointer;
    pointer += 64 * Math.ceil(operandEntries(operand, dims) / 16);
    return at;
  });
  const numbers = Object.keys({ ...spec.params, ...spec.constants }).map((name) => params[name]!);
  const range = [0, kernels[kernel].plan.wasm.range(dims)];
  return [kernel, [...operands, ...spec.dims.map((dim) => dims[dim]!), ...numbers, ...range]];
}

const script = `
  import { readFileSync } from 'node:fs';
  const [file, calls, globals] = JSON.parse(process.argv[1]);
  const module = new WebAssembly.Module(readFileSync(file));
  const memory = new WebAssembly.Memory({ initial: 128, maximum: 65536, shared: true });
  const imports = {};
  for (const { module: from, name, kind } of WebAssembly.Module.imports(module))
    (imports[from] ??= {})[name] = kind === "memory" ? memory : globals[name];
  const { exports } = new WebAssembly.Instance(module, imports);
  exports.setScratch(65536);
  for (const [kernel, args] of calls) {
    for (const until = performance.now() + 100; performance.now() < until; ) exports[kernel](...args);
    console.log(kernel);
  }
`;

it.each(['fused', 'plain'])(
  'every planned kernel in %s arithmetic',
  async (arithmetic) => {
    const file = fileURLToPath(new URL(`../../../build/compute-${arithmetic}.wasm`, import.meta.url));
    const given = JSON.stringify([file, plannedKernels.map(callOf), kernelGlobals()]);
    const flags = ['--experimental-wasm-revectorize', '--input-type=module', '--eval', script, given];
    const { stdout } = await promisify(execFile)(process.execPath, flags);
    expect(stdout.trim().split('\n')).toEqual([...plannedKernels]);
  },
  60_000,
);
