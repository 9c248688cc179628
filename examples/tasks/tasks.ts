/**
 * Small data sets of each kind that distillm reads: instructions, dialogues with summaries, translations, plain text. The
 * sentences are those of the demo's small grammars. A student's records have a share of their answers spoilt, as crowd-written
 * data has: with clean ones, which a small model learns by itself, a teacher has little to add. The experiments of
 * examples/experiments train on the translations.
 */
import { createRng, type Rng } from 'distillm';
import { dialogue } from '../demo/task/dialogue.ts';
import { distinct, generateTask, generateTaskOf, type Task } from '../demo/task/generateTask.ts';
import { pick } from '../demo/task/random.ts';
import type { TaskRecord } from '../demo/task/record.ts';
import { spoil } from '../demo/task/spoil.ts';
import { translation } from '../demo/task/translation.ts';

/** A set that a teacher learns, few spoilt records for its students, and clean ones that are in neither. */
export interface TaskFiles {
  readonly teacher: readonly object[];
  readonly train: readonly object[];
  readonly validation: readonly object[];
  readonly test: readonly object[];
  /** So few of `train` that a student learns them by heart. */
  readonly few?: readonly object[];
}

const sizes = { teacher: 6000, train: 800, validation: 100, test: 300 };
const drawn = {
  seed: 1,
  teacherPairs: sizes.teacher,
  // Some lose their whole answer when they are spoilt, and are left out.
  studentPairs: Math.ceil(1.1 * sizes.train),
  heldOutPairs: sizes.validation + sizes.test,
};

const filesOf = (task: Task, form: (record: TaskRecord, id: number) => object): TaskFiles => {
  const { teacher, student, heldOut } = task;
  const answered = student.filter(({ output }) => output !== '').slice(0, sizes.train);
  return {
    teacher: teacher.map(form),
    train: answered.map(form),
    validation: heldOut.slice(0, sizes.validation).map(form),
    test: heldOut.slice(sizes.validation).map(form),
  };
};

/** Records are known by their inputs: in these forms nothing is left of what they were asked by. */
const asked = (make: (rng: Rng) => TaskRecord) => (rng: Rng) => ({ ...make(rng), instruction: '' });

/** Translations of which no sentence comes twice, in one set or in two. What a set holds depends on those drawn before it. */
function translations(): TaskFiles {
  const rng = createRng(3);
  const seen = new Set<string>();
  const fresh = (count: number) => distinct(translation, count, rng, seen, ({ input }) => input);
  const spoilt = (count: number) => spoil(fresh(count), 0.3, rng);
  const [validation, test, firstHundreds, teacher] = [fresh(60), fresh(200), spoilt(400), fresh(5000)];
  const train = [...firstHundreds, ...spoilt(600)];
  return { teacher, train, validation, test, few: train.slice(0, 40) };
}

/** Makes the files of a task. */
export const tasks: Readonly<Record<'instruction' | 'summarization' | 'translation', () => TaskFiles>> = {
  /** Alpaca's fields. */
  instruction: () => filesOf(generateTask(drawn), (record) => record),
  /** SAMSum's. */
  summarization: () =>
    filesOf(generateTaskOf(asked(dialogue), drawn), ({ input, output }, id) => ({
      id: String(id),
      dialogue: input,
      summary: output,
    })),
  /** Alpaca's fields, asked for in four ways. */
  translation: translations,
};

/** Plain text: paragraphs of English sentences, a document each. */
export function plainText(): string {
  const rng = createRng(3);
  const document = () => {
    const sentences = Array.from({ length: 3 + rng.int(6) }, () =>
      pick(rng, [translation, translation, dialogue])(rng),
    ).map(({ input, output }) => (input.includes('\n') ? output : input));
    return sentences.join(' ');
  };
  return `${Array.from({ length: 400 }, document).join('\n\n')}\n`;
}
