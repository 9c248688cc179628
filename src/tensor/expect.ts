/**
 * The arguments of operations, for callers without types. An operation runs thousands of times a second: no schema is
 * asked, but each argument is looked at once, and so are the names of the options.
 */

import { weightFormats } from '../backend/kernels/formats.js';
import { ShapeError } from '../errors.js';
import { refusedOption, requireFields, unknownOptions } from '../requireOption.js';
import { Tensor } from './tensor.js';
import type { Weight } from './weights/index.js';

/** @throws OptionError unless all of these are tensors */
export function expectTensors(operation: string, tensors: Readonly<Record<string, unknown>>): void {
  for (const name in tensors) {
    if (!(tensors[name] instanceof Tensor)) throw refusedOption(operation, name, tensors[name], 'a tensor');
  }
}

/** @throws ShapeError unless tensor b, called `second` in the message, has the shape of a */
export function expectOneShape(operation: string, first: string, a: Tensor, second: string, b: Tensor): void {
  const [expected, found] = [a.shape, b.shape];
  if (found.join() === expected.join()) return;
  throw new ShapeError(
    `${operation}: ${second} is [${found.join(', ')}], expected ${first}'s shape [${expected.join(', ')}].`,
    { found, expected },
  );
}

/** @throws OptionError unless it is a weight */
export function expectWeight(operation: string, name: string, found: unknown): void {
  const { format, values, shape } = Object(found) as Partial<Weight>;
  if (weightFormats.includes(format as never) && values instanceof Tensor && Array.isArray(shape)) return;
  throw refusedOption(operation, name, found, 'a weight, as f32Weight makes it of a tensor');
}

/** @throws OptionError unless these are options of no other names */
export function expectOptions(operation: string, options: unknown, known: readonly string[]): void {
  requireFields(operation, options);
  for (const name in options) if (!known.includes(name)) throw unknownOptions(operation, [name], known);
}
