/**
 * Trains the demo's teacher from random weights and writes it, with its tokenizer, to examples/demo/teacher:
 * `npm run demo:teacher`. The same seed gives the same bits on every machine (WASM).
 */
import { fileURLToPath } from 'node:url';
import { createModel, fineTune, openDevice, saveModel } from 'distillm';
import { evaluate } from './evaluate.ts';
import { encodeRecords, makeTokenizer, splitHeldOut, teacherConfig, template } from './setup.ts';
import { generateTask } from './task/generateTask.ts';

const device = await openDevice({ kind: 'wasm', wasm: { revectorize: true } });
const task = generateTask({ seed: 0 });
const tokenizer = makeTokenizer(task.teacher);
const train = encodeRecords(task.teacher, tokenizer);
const { validation, test } = splitHeldOut(task.heldOut, tokenizer);
const teacher = await createModel(teacherConfig, { device, seed: 1 });
const run = fineTune({
  model: teacher,
  tokenizer,
  data: { train, validation, template: template.name },
  epochs: Number(process.argv[2] ?? 4),
  batchSize: 32,
  optimizer: { lr: 2e-3 },
  warmupSteps: 100,
  seed: 1,
});
for await (const event of run) {
  if (event.type === 'step' && event.step % 100 === 0) {
    console.log(
      `step ${event.step}/${event.totalSteps}  training loss ${event.loss.toFixed(3)}  ${event.tokensPerSecond.toFixed(0)} tokens/s`,
    );
  }
  if (event.type === 'validation') console.log(`validation loss ${event.loss?.toFixed(4)}`);
}
const { greedy, sampled } = await evaluate(teacher, test, tokenizer);
console.log(`held-out ROUGE-L: greedy ${greedy.toFixed(1)}, sampled ${sampled.toFixed(1)}`);
await saveModel(teacher, fileURLToPath(new URL('./teacher', import.meta.url)), {
  files: tokenizer.save(),
});
await device.dispose();
