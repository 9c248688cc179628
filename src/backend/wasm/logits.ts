import { at, type Entries, grainOf, scratchBytes, sizes, type Threads } from './calls.js';

/** What is done with rows of logits: losses, and drawing from them. */
export function logitKernels(device: Threads): Entries<'crossEntropy' | 'divergence' | 'sample'> {
  const { pool } = device;
  const entropyScratch = scratchBytes(device, 'crossEntropy');
  return {
    crossEntropy(call) {
      const [rows, vocab] = sizes(call, ['rows', 'vocab']);
      const { labels, logits, loss } = call.operands;
      const args = [at(labels), at(logits), at(loss), vocab, call.params.gradScale];
      pool.parallel('crossEntropy', args, rows, grainOf(device, rows, 8 * vocab), entropyScratch);
    },
    divergence(call) {
      const [rows, vocab] = sizes(call, ['rows', 'vocab']);
      const { teacher, labels, student, loss } = call.operands;
      const { weight, temperature, gradScale, kind } = call.params;
      const args = [at(teacher), at(labels), at(student), at(loss), vocab, weight, temperature, gradScale, kind];
      const grain = grainOf(device, rows, 24 * vocab);
      pool.parallel('divergence', args, rows, grain, scratchBytes(device, 'divergence', vocab));
    },
    sample(call) {
      const [rows, vocab] = sizes(call, ['rows', 'vocab']);
      const { logits, seeds, ids } = call.operands;
      const { temperature, topK, topP, step } = call.params;
      const args = [at(logits), at(seeds), at(ids), vocab, temperature, topK, topP, step];
      pool.parallel('sample', args, rows, grainOf(device, rows, 32 * vocab), scratchBytes(device, 'sample', vocab));
    },
  };
}
