/** What the demo measured, as a table for the terminal and as the HTML report. */
import type { Example } from 'distillm';
import { type AnswerCard, type Cell, type ReportTable, type RunLog, reportRuns } from 'distillm/report';
import { type Score, score } from './evaluate.ts';
import type { Method, TrainedStudent } from './students.ts';
import { meanAndRange } from './table.ts';

/** Who was scored: the teacher, the student where all begin, and the students after each method. */
export type Row = 'teacher' | 'start (short SFT)' | Method;

/** A score of one seed. */
export interface Entry {
  readonly row: Row;
  readonly seed: number;
  readonly parameters: number;
  readonly score: Score;
  /** Wall time of its training. */
  readonly seconds?: number;
}

/** Steps of DistiLLM by what they trained on. */
export type Sources = Readonly<Record<'data' | 'generate' | 'replay', number>>;

export interface Results {
  readonly entries: readonly Entry[];
  readonly seeds: number;
  readonly sources: Sources;
  /** Of the first seed. */
  readonly trained: readonly Pick<TrainedStudent, 'method' | 'steps' | 'validations'>[];
  readonly test: readonly Example[];
  readonly trainedParameters: number;
}

/** Rows as the README shows them: a heading, then one for each model. */
export function scoreTable({ entries }: Pick<Results, 'entries'>): string[][] {
  const rows = [...new Set(entries.map(({ row }) => row))];
  return [
    ['', 'parameters', 'greedy', 'sampled at T = 1', 'training, s'],
    ...rows.map((row) => {
      const own = entries.filter((entry) => entry.row === row);
      const seconds = own.flatMap((entry) => entry.seconds ?? []);
      return [
        row === 'teacher' || row.startsWith('start') ? row : `+ ${row}`,
        (own[0]?.parameters ?? 0).toLocaleString('en'),
        meanAndRange(own.map((entry) => entry.score.greedy)),
        meanAndRange(own.map((entry) => entry.score.sampled)),
        seconds.length === 0 ? '' : meanAndRange(seconds),
      ];
    }),
  ];
}

export const sourcesLine = ({ data, generate, replay }: Sources): string =>
  `DistiLLM's batches: ${data} of data, ${generate} of fresh student outputs, ${replay} replayed.`;

/** One HTML file: scores, curves of the first seed, answers to the first prompt of each kind. */
export function reportDemo(results: Results): string {
  const { entries, trained, test, trainedParameters } = results;
  const teacher = entries.find(({ row }) => row === 'teacher') as Entry;
  // The one that the demo is about comes first.
  const runs = trained
    .toReversed()
    .map(({ method, steps, validations }): RunLog => ({ name: method, steps, validations, trainedParameters }));
  return reportRuns(runs, {
    title: 'A small language model learns from a larger one',
    lead: [
      `A teacher of ${teacher.parameters.toLocaleString('en')} parameters was distilled into students of ` +
        `${trainedParameters.toLocaleString('en')}. The teacher has learnt six kinds of short tasks from 20,000 right ` +
        'pairs; the students saw few pairs, of which 30% have a spoilt answer.',
      'All students begin with the same short fine-tuning (SFT) and then take the same number of steps on the same pairs. ' +
        "SFT imitates the answers of the data, spoilt ones too. KD imitates the teacher's predictions on those answers. " +
        'DistiLLM imitates the teacher by a skewed divergence, and also on answers that the student itself gives.',
    ],
    tables: [scores(results)],
    answers: answerCards(entries, test),
  });
}

function scores({ entries, seeds, sources, test }: Results): ReportTable {
  const [headings, ...rows] = scoreTable({ entries }) as [string[], ...string[][]];
  const [, , greedy, sampled] = headings.map((_, column) => column);
  return {
    heading: 'Scores',
    headings: ['model', ...headings.slice(1)],
    rows: rows.map((row) =>
      row.map((text, column): Cell => {
        const isScore = column === greedy || column === sampled;
        return isScore ? { text, share: Number.parseFloat(text) / 100 } : text;
      }),
    ),
    note:
      `ROUGE-L (0 to 100) of answers to ${test.length === 1 ? 'a pair' : `${test.length} pairs`} that nobody trained on` +
      `${seeds > 1 ? `: the mean over ${seeds} seeds, least to most` : ''}. ${sourcesLine(sources)}`,
  };
}

/** As many prompts as fill a screen: the first of each wording of the task. */
const shown = 9;

function answerCards(entries: readonly Entry[], test: readonly Example[]): AnswerCard[] {
  const by: Readonly<Partial<Record<Row, string>>> = {
    teacher: 'teacher',
    'start (short SFT)': 'student before',
    SFT: 'student after more SFT',
    KD: 'student after KD',
    DistiLLM: 'student after DistiLLM',
  };
  const wordings = test.map(({ instruction }) => instruction);
  const first = test.flatMap((example, i) => (wordings.indexOf(example.instruction) === i ? [{ example, i }] : []));
  return first.slice(0, shown).map(({ example, i }) => ({
    prompt: example.instruction,
    input: example.input,
    reference: example.references[0] as string,
    answers: Object.entries(by).flatMap(([row, name]) => {
      const text = entries.find((entry) => entry.row === row)?.score.answers[i];
      return text === undefined ? [] : [{ by: name, text, score: score([text], [example]) }];
    }),
  }));
}
