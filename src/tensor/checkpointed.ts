/** Gradient (activation) checkpointing: memory for time. */
import { tidy } from './scope.js';
import { activeTape, Tape, track } from './tape.js';
import type { Tensor } from './tensor.js';

/**
 * x as one of several blocks reads it. The gradients of the block's own uses are added up before they join those of the
 * other blocks: in the order in which `checkpointed` adds them, so that both give the same bits.
 */
export function asRead(x: Tensor): Tensor {
  return track([x], x.alias(), (dy, gradients) => gradients.add(x, dy));
}

/**
 * y = block(x, ...reads). A recording tape stores these and y only; its backward pass runs the block again for the tensors
 * between them. The gradients have the same bits as without, as long as the block computes the same each time (dropout
 * by seeds).
 * @param block makes a new tensor of its arguments and of parameters. Another tensor that it reads gets no gradient
 * @param reads what the block reads besides x, and gives gradients to: an encoder's states, for instance
 */
export function checkpointed<Reads extends readonly Tensor[]>(
  x: Tensor,
  block: (x: Tensor, ...reads: Reads) => Tensor,
  ...reads: Reads
): Tensor {
  const tape = activeTape();
  const inputs = [x, ...reads];
  const aliases = (wants: (input: Tensor) => boolean) =>
    inputs.map((input) => {
      const alias = input.alias();
      alias.requiresGrad = wants(input);
      return alias;
    }) as [Tensor, ...Reads];
  const { y, differentiable } = tidy(() => {
    const first = new Tape();
    const given = aliases((input) => tape?.wants(input) ?? false);
    const y = first.record(() => block(...given));
    return { y, differentiable: first.wants(y) };
  });
  if (!tape || !differentiable) return y;
  return tape.note(y, (dy, gradients) => {
    const given = aliases((input) => gradients.wants(input));
    tidy(() => {
      const again = new Tape();
      again.backward(
        again.record(() => block(...given)),
        dy,
      );
    });
    for (const [index, { grad }] of given.entries()) if (grad) gradients.add(inputs[index] as Tensor, grad);
    for (const alias of given) alias.dispose();
  });
}
