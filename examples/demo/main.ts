/**
 * The main job in small: a teacher that this project trained (examples/demo/teacher) is distilled into students six
 * times smaller, from few and partly spoilt pairs, by SFT, plain KD and DistiLLM, over three seeds.
 * Run by `npm run demo`; `-- --seeds 1` for a quick look.
 */
import { mkdir, writeFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { loadModel, loadTokenizer, numParameters, openDevice } from 'distillm';
import { drawCurves } from './chart.ts';
import { evaluate, type Score } from './evaluate.ts';
import { progressLine } from './progress.ts';
import { encodeRecords, splitHeldOut } from './setup.ts';
import { type Course, type Method, methods, startingPoint, trainStudent } from './students.ts';
import { meanAndRange, table } from './table.ts';
import { generateTask } from './task/generateTask.ts';

const { values: options } = parseArgs({
  options: {
    seeds: { type: 'string', default: '3' },
    pairs: { type: 'string', default: '1000' },
    'start-epochs': { type: 'string', default: '14' },
    epochs: { type: 'string', default: '14' },
    out: { type: 'string', default: 'runs/demo' },
  },
});
const teacherFolder = fileURLToPath(new URL('./teacher', import.meta.url));
const started = performance.now();

const device = await openDevice({ wasm: { revectorize: true } });
const teacher = await loadModel(teacherFolder, { device });
const tokenizer = await loadTokenizer(teacherFolder);
const { validation, test } = splitHeldOut(generateTask({ seed: 0, teacherPairs: 0 }).heldOut, tokenizer);
console.log(`Device: ${device.info.description}`);
console.log(
  `Teacher: ${numParameters(teacher).toLocaleString('en')} parameters. Held out: ${test.length} clean pairs.`,
);
const teacherScore = await evaluate(teacher, test, tokenizer);

type Row = 'start (short SFT)' | Method;
const scores: { row: Row; seed: number; score: Score; seconds: number }[] = [];
const used = { data: 0, generate: 0, replay: 0 };
let studentSize = 0;
for (let seed = 1; seed <= Number(options.seeds); seed++) {
  const task = generateTask({ seed, teacherPairs: 0, studentPairs: Number(options.pairs) });
  const course: Course = {
    device,
    teacher,
    tokenizer,
    train: encodeRecords(task.student, tokenizer),
    validation,
    seed,
    startEpochs: Number(options['start-epochs']),
    epochs: Number(options.epochs),
  };
  const progress = progressLine(`seed ${seed}`);
  const before = performance.now();
  const { student, weights } = await startingPoint(course, progress('start'));
  const seconds = (performance.now() - before) / 1000;
  studentSize = numParameters(student);
  scores.push({ row: 'start (short SFT)', seed, score: await evaluate(student, test, tokenizer), seconds });
  student.dispose();

  const trained = [];
  for (const method of methods) {
    const result = await trainStudent(method, course, weights, progress(method));
    scores.push({
      row: method,
      seed,
      score: await evaluate(result.model, test, tokenizer),
      seconds: result.seconds,
    });
    if (method === 'DistiLLM') for (const { source } of result.steps) used[source]++;
    result.model.dispose();
    trained.push(result);
  }
  await mkdir(options.out, { recursive: true });
  const title = `Teacher ${numParameters(teacher).toLocaleString('en')} to student ${studentSize.toLocaleString('en')} parameters, seed ${seed}`;
  await writeFile(`${options.out}/curves-seed${seed}.svg`, drawCurves(trained, title));
}

const of = (row: Row) => scores.filter((entry) => entry.row === row);
console.log(`\nHeld-out ROUGE-L, mean over ${options.seeds} seeds (least to most):\n`);
console.log(
  table([
    ['', 'parameters', 'greedy', 'sampled at T = 1', 'training, s'],
    [
      'teacher',
      numParameters(teacher).toLocaleString('en'),
      teacherScore.greedy.toFixed(1),
      teacherScore.sampled.toFixed(1),
      '',
    ],
    ...(['start (short SFT)', ...methods] as const).map((row) => [
      row === 'start (short SFT)' ? row : `+ ${row}`,
      studentSize.toLocaleString('en'),
      meanAndRange(of(row).map(({ score }) => score.greedy)),
      meanAndRange(of(row).map(({ score }) => score.sampled)),
      meanAndRange(of(row).map(({ seconds }) => seconds)),
    ]),
  ]),
);
console.log(
  `\nDistiLLM's batches: ${used.data} of data, ${used.generate} fresh student outputs, ${used.replay} replayed.`,
);

console.log('\nGreedy answers to held-out prompts (seed 1):');
for (const index of [0, 1, 2, 3, 4, 5]) {
  const example = test[index];
  if (!example) continue;
  console.log(`\n${example.instruction}\n${example.input}`);
  console.log(
    table([
      ['  expected', example.outputs[0]],
      ['  teacher', teacherScore.answers[index] ?? ''],
      ...methods.map((method) => [`  ${method}`, of(method)[0]?.score.answers[index] ?? '']),
    ]),
  );
}
const minutes = ((performance.now() - started) / 60_000).toFixed(1);
console.log(`\nCurves: ${options.out}/curves-seed1.svg. All in ${minutes} minutes.`);
tokenizer.dispose();
teacher.dispose();
await device.dispose();
