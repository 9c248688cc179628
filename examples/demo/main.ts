/**
 * The main job in small: a teacher that this project trained (examples/demo/teacher) is distilled into students six
 * times smaller, from few and partly spoilt pairs, by SFT, plain KD and DistiLLM.
 * Run by `npm run demo`; with `-- --seeds 3` it prints the table of the README.
 */
import { mkdir, writeFile } from 'node:fs/promises';
import { availableParallelism } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { loadModel, loadTokenizer, numParameters, openDevice, saveModel } from 'distillm';
import { evaluate } from './evaluate.ts';
import { readOptions } from './options.ts';
import { clock, openProgress, type Part } from './progress.ts';
import { type Entry, type Row, reportDemo, scoreTable, sourcesLine } from './results.ts';
import { encodeRecords, splitHeldOut } from './setup.ts';
import { type Course, type Method, methods, startingPoint, type TrainedStudent, trainStudent } from './students.ts';
import { table } from './table.ts';
import { generateTask } from './task/generateTask.ts';

const options = readOptions();
const teacherFolder = fileURLToPath(new URL('./teacher', import.meta.url));
const started = performance.now();
const names = Object.keys(methods) as Method[];

// The same numbers on every machine: WebAssembly has the same bits everywhere, a GPU its own. Models this small keep no
// more than two threads busy; the number of threads changes no bit.
const threads = Math.min(2, availableParallelism());
const device = await openDevice({ kind: 'wasm', wasm: { revectorize: true, threads } });
const teacher = await loadModel(teacherFolder, { device });
const tokenizer = await loadTokenizer(teacherFolder);
const { validation, test: all } = splitHeldOut(generateTask({ seed: 0, teacherPairs: 0 }).heldOut, tokenizer);
const test = all.slice(0, options.heldOut);
const teacherSize = numParameters(teacher);

/** Seconds that the parts of a run by the defaults take on two cores: what the bar goes by. */
const seconds = { teacher: 5, start: 10, SFT: 14, KD: 30, DistiLLM: 35, student: 3 } as const;
const scale = (options.pairs * options.epochs) / 10_000;
const scored = test.length / 400;
const parts = (seed: number): Part[] => {
  const of = (name: string) => (options.seeds > 1 ? `seed ${seed}, ${name}` : name);
  const student = { name: of('answering held-out prompts'), work: scored * seconds.student };
  return [
    { name: of('short SFT, where all begin'), work: scale * seconds.start },
    student,
    ...names.flatMap((method) => [{ name: of(method), work: scale * seconds[method] }, student]),
  ];
};
const seeds = Array.from({ length: options.seeds }, (_, i) => i + 1);

console.error(`A teacher of ${teacherSize.toLocaleString('en')} parameters teaches students six times smaller.
Tasks: translation into German, summaries of dialogues, opposites, sorting,
lists, sums. The teacher has learnt 20,000 right answers; the students see
${options.pairs.toLocaleString('en')}, of which 30% are spoilt. All begin with the same short fine-tuning
(SFT), then take as many steps again:
${table(names.map((name) => [`  ${name}`, methods[name]]))}

On ${device.info.description}.
`);

const progress = openProgress([
  { name: 'teacher: held-out prompts', work: scored * seconds.teacher },
  ...seeds.flatMap(parts),
]);
const watch = ({ step, totalSteps, loss }: { step: number; totalSteps: number; loss: number }) =>
  progress.update(step / totalSteps, `step ${step} of ${totalSteps}, training loss ${loss.toFixed(2)}`);

const entries: Entry[] = [];
const sources = { data: 0, generate: 0, replay: 0 };
let firstTrained: readonly Omit<TrainedStudent, 'model'>[] = [];
let studentSize = 0;

/** Scores a model, and says so in a line that stays. */
async function note(row: Row, seed: number, model: Parameters<typeof evaluate>[0], took?: number): Promise<void> {
  progress.next();
  const score = await evaluate(model, test, tokenizer, progress.update);
  const parameters = numParameters(model);
  entries.push({ row, seed, parameters, score, ...(took !== undefined && { seconds: took }) });
  const who = options.seeds > 1 && seed > 0 ? `seed ${seed}, ${row}` : row;
  progress.say(`${who.padEnd(options.seeds > 1 ? 26 : 18)} ROUGE-L ${score.greedy.toFixed(1).padStart(5)}`);
}

await note('teacher', 0, teacher);
for (const seed of seeds) {
  const task = generateTask({ seed, teacherPairs: 0, studentPairs: options.pairs });
  const train = encodeRecords(task.student, tokenizer);
  const course: Course = { device, teacher, tokenizer, train, validation, seed, epochs: options.epochs };
  progress.next();
  const before = performance.now();
  const { student, weights } = await startingPoint(course, watch);
  studentSize = numParameters(student);
  await note('start (short SFT)', seed, student, (performance.now() - before) / 1000);
  student.dispose();

  const trained: Omit<TrainedStudent, 'model'>[] = [];
  for (const method of names) {
    progress.next();
    const { model, ...result } = await trainStudent(method, course, weights, watch);
    await note(method, seed, model, result.seconds);
    if (seed === 1) {
      await mkdir(join(options.out, method), { recursive: true });
      await writeFile(join(options.out, method, 'log.jsonl'), result.log);
    }
    if (method === 'DistiLLM') {
      for (const { source } of result.steps) sources[source]++;
      if (seed === 1) {
        await saveModel(model, join(options.out, 'student'), { files: tokenizer.save() });
      }
    }
    model.dispose();
    trained.push(result);
  }
  if (seed === 1) firstTrained = trained;
}
progress.done();

await mkdir(options.out, { recursive: true });
const report = join(options.out, 'report.html');
const results = { entries, seeds: options.seeds, sources, trained: firstTrained, test, trainedParameters: studentSize };
await writeFile(report, reportDemo(results));

const mean = options.seeds > 1 ? `, mean over ${options.seeds} seeds (least to most)` : '';
const { user, system } = process.cpuUsage();
console.log(`
Held-out ROUGE-L${mean}:

${table(scoreTable({ entries }))}

${sourcesLine(sources)}
All in ${clock(performance.now() - started)} minutes by the clock, ${clock((user + system) / 1000)} minutes of processor time.

Curves and answers: open ${report} in a browser. The curves as an SVG:
  npx distillm plot ${options.out} --out curves.svg
The student answers, too:
  npx distillm generate --model ${join(options.out, 'student')} --greedy \\
    --input "The red cat looks for the friend." "Translate into German."`);
tokenizer.dispose();
teacher.dispose();
await device.dispose();
