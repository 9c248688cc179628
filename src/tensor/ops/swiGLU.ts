import { expectOneShape, expectTensors } from '../expect.js';
import { flat, run } from '../run.js';
import { track } from '../tape.js';
import type { Tensor } from '../tensor.js';

/**
 * The gated product of an MLP (Shazeer 2020, arXiv:2002.05202), silu(gate) up with silu(x) = x / (1 + e^-x), element by
 * element. gate and up of the same shape, which is the result's.
 * @throws OptionError for what is no tensor, ShapeError
 */
export function swiGLU(gate: Tensor, up: Tensor): Tensor {
  expectTensors('swiGLU', { gate, up });
  expectOneShape('swiGLU', 'gate', gate, 'up', up);
  const { y } = run(gate.device, 'swiGLU', { gate: flat(gate), up: flat(up) }, {}, { y: gate.shape });
  return track([gate, up], y, (dy, gradients) => {
    const given = { gate: flat(gate), up: flat(up), dy: flat(dy) };
    const { dgate, dup } = run(gate.device, 'swiGLUBackward', given, {}, { dgate: gate.shape, dup: up.shape });
    gradients.add(gate, dgate);
    gradients.add(up, dup);
    for (const tensor of [dgate, dup]) tensor.dispose();
  });
}
