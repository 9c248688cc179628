import { expectOneShape, expectTensors } from '../expect.js';
import { flat, run } from '../run.js';
import { track } from '../tape.js';
import type { Tensor } from '../tensor.js';

/**
 * The gated product of an MLP (Shazeer 2020, arXiv:2002.05202), gelu(gate) up with GELU in its tanh form, element by
 * element. gate and up of the same shape, which is the result's.
 * @throws OptionError for what is no tensor, ShapeError
 */
export function geGLU(gate: Tensor, up: Tensor): Tensor {
  expectTensors('geGLU', { gate, up });
  expectOneShape('geGLU', 'gate', gate, 'up', up);
  const { y } = run(gate.device, 'geGLU', { gate: flat(gate), up: flat(up) }, {}, { y: gate.shape });
  return track([gate, up], y, (dy, gradients) => {
    const given = { gate: flat(gate), up: flat(up), dy: flat(dy) };
    const { dgate, dup } = run(gate.device, 'geGLUBackward', given, {}, { dgate: gate.shape, dup: up.shape });
    gradients.add(gate, dgate);
    gradients.add(up, dup);
    for (const tensor of [dgate, dup]) tensor.dispose();
  });
}
