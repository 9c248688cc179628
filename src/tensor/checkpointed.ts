/** Gradient (activation) checkpointing: memory for time. */
import { tidy } from './scope.js';
import { activeTape, Tape } from './tape.js';
import type { Tensor } from './tensor.js';

/**
 * y = block(x). A recording tape stores x and y only; its backward pass runs the block again for the tensors between
 * them. The gradients have the same bits as without, as long as the block computes the same each time (dropout by
 * seeds).
 * @param block makes a new tensor of x and of parameters
 */
export function checkpointed(x: Tensor, block: (x: Tensor) => Tensor): Tensor {
  const tape = activeTape();
  const { y, differentiable } = tidy(() => {
    const input = x.alias();
    input.requiresGrad = tape?.wants(x) ?? false;
    const first = new Tape();
    const y = first.record(() => block(input));
    return { y, differentiable: first.wants(y) };
  });
  if (!tape || !differentiable) return y;
  return tape.note(y, (dy, gradients) => {
    const input = x.alias();
    input.requiresGrad = gradients.wants(x);
    tidy(() => {
      const again = new Tape();
      again.backward(
        again.record(() => block(input)),
        dy,
      );
    });
    if (input.grad) gradients.add(x, input.grad);
    input.dispose();
  });
}
