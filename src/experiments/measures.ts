/**
 * What is measured of a run, by name: scores of its answers, times and losses. A score that `distillm eval` prints under a name
 * is a measure of that name, so that a new metric needs nothing here; what is known of it is its title and its unit.
 */
import { isPlainObject } from '../inWords.js';
import { seedMetrics } from '../metrics/scoreAnswers.js';
import type { comparedRows } from '../tensor/ops/compareRows.js';

/** What tables and figures say of a measure. */
interface MeasureWords {
  readonly title: string;
  readonly unit: string;
  /** Digits after the point. */
  readonly digits: number;
}

const seconds = (title: string): MeasureWords => ({ title, unit: 'seconds', digits: 1 });
const share = (title: string): MeasureWords => ({ title, unit: '0 to 100', digits: 2 });

/** Scores whose name is no title. */
const scoreWords: Readonly<Record<string, MeasureWords>> = {
  rougeL: share('ROUGE-L'),
  rouge1: share('ROUGE-1'),
  rouge2: share('ROUGE-2'),
  bleu: share('BLEU'),
  exactMatch: share('Exact matches'),
};

/** What `distillm eval` prints of a model. */
const scoreNames: readonly string[] = [...seedMetrics, 'selfBleu', 'perplexity'];

/** Measures of steps that compare the two models, as `compareEvery` asks for. */
const comparisons: Readonly<Record<(typeof comparedRows)[number], MeasureWords>> = {
  teacherEntropy: { title: 'Entropy of the teacher', unit: 'nats', digits: 3 },
  studentEntropy: { title: 'Entropy of the student', unit: 'nats', digits: 3 },
  agreement: { title: 'Agreement on the likeliest token', unit: 'share', digits: 3 },
  overlap: { title: 'Overlap of the ten likeliest tokens', unit: 'share', digits: 3 },
};

/** What else steps may have measured: of these a run has the mean over the steps that did. */
const stepMeans: Readonly<Record<string, MeasureWords>> = {
  ...comparisons,
  answerLength: { title: "Length of the student's answers", unit: 'tokens', digits: 1 },
  cutAnswers: { title: "Student's answers that were cut", unit: 'share', digits: 3 },
};

/** Measures of training. */
const trainingWords: Readonly<Record<string, MeasureWords>> = {
  validationLoss: { title: 'Validation loss', unit: 'nats per token', digits: 3 },
  validationRougeL: share('ROUGE-L of validation answers'),
  updateSeconds: seconds('Updates'),
  generationSeconds: seconds("Student's answers"),
  stepSeconds: seconds('Steps'),
  updateCpuSeconds: seconds('Updates, processor'),
  generationCpuSeconds: seconds("Student's answers, processor"),
  stepCpuSeconds: seconds('Steps, processor'),
  generatedShare: { title: 'Fresh student batches', unit: '% of steps', digits: 0 },
  replayedShare: { title: 'Replayed batches', unit: '% of steps', digits: 0 },
  phi: { title: 'phi at the end', unit: 'probability of student outputs', digits: 2 },
  gradNorm: { title: 'Gradient norm, median', unit: 'L2, before clipping', digits: 3 },
  gradNormLargest: { title: 'Gradient norm, largest', unit: 'L2, before clipping', digits: 3 },
  ...stepMeans,
};

/** All measures that an experiment may ask for. */
export const measureNames: readonly string[] = [...scoreNames, ...Object.keys(trainingWords)];

export const isScore = (measure: string): boolean => scoreNames.includes(measure);
export const isComparison = (measure: string): boolean => measure in comparisons;

export const wordsOf = (measure: string): MeasureWords =>
  scoreWords[measure] ?? trainingWords[measure] ?? { title: measure, unit: '', digits: 2 };

/** Measures that runs have where nothing is scored. */
export const usualMeasures = (isScored: boolean): readonly string[] =>
  isScored ? ['rougeL', 'exactMatch', 'stepCpuSeconds'] : ['validationLoss', 'stepSeconds', 'stepCpuSeconds'];

/** Measures by their names. */
export type Measures = Readonly<Record<string, number>>;

/** A step as the log has it, as far as it is measured. */
interface MeasuredStep {
  readonly source: string;
  readonly phi: number;
  readonly gradNorm: number;
  readonly stepMs: number;
  readonly generationMs: number;
  /** Processor time of the step; absent where another call took it. */
  readonly cpuMs?: number;
  /** What else the step measured, by name. */
  readonly measures?: Measures;
}

/** Times, sources and gradients of a run's steps. Processor times only where all steps have one. */
export function stepMeasures(steps: readonly MeasuredStep[]): Measures {
  if (steps.length === 0) return {};
  const sum = (value: (step: MeasuredStep) => number) => steps.reduce((total, step) => total + value(step), 0);
  const shareOf = (source: string) => (100 * steps.filter((step) => step.source === source).length) / steps.length;
  const norms = steps
    .map(({ gradNorm }) => gradNorm)
    .filter(Number.isFinite)
    .sort((a, b) => a - b);
  const generationSeconds = sum(({ generationMs }) => generationMs) / 1000;
  const stepSeconds = sum(({ stepMs }) => stepMs) / 1000;
  const means = Object.keys(stepMeans).flatMap((name): [string, number][] => {
    const values = steps.flatMap(({ measures }) => measures?.[name] ?? []).filter(Number.isFinite);
    return values.length > 0 ? [[name, values.reduce((total, value) => total + value, 0) / values.length]] : [];
  });
  const isTimed = steps.every(({ cpuMs }) => cpuMs !== undefined);
  // Within a step both go on on the same threads: its processor time is shared out as its time is.
  const ofGeneration = ({ cpuMs = 0, generationMs, stepMs }: MeasuredStep) =>
    stepMs > 0 ? (cpuMs * generationMs) / stepMs : 0;
  const stepCpuSeconds = sum(({ cpuMs = 0 }) => cpuMs) / 1000;
  const generationCpuSeconds = sum(ofGeneration) / 1000;
  return {
    stepSeconds,
    generationSeconds,
    updateSeconds: stepSeconds - generationSeconds,
    ...(isTimed && {
      stepCpuSeconds,
      generationCpuSeconds,
      updateCpuSeconds: stepCpuSeconds - generationCpuSeconds,
    }),
    generatedShare: shareOf('generate'),
    replayedShare: shareOf('replay'),
    phi: (steps.at(-1) as MeasuredStep).phi,
    ...(norms.length > 0 && {
      gradNorm: norms[norms.length >> 1] as number,
      gradNormLargest: norms.at(-1) as number,
    }),
    ...Object.fromEntries(means),
  };
}

/** What is said of the data and of how it was scored is no score. */
const noScores = new Set(['examples', 'promptsCut', 'seeds', 'settings', 'data', 'model']);

/** The scores in what `distillm eval` prints: numbers, and those that stand with their spread, by their mean. */
export function scoresIn(printed: Readonly<Record<string, unknown>>): Measures {
  const scores: Record<string, number> = {};
  for (const [name, value] of Object.entries(printed)) {
    if (noScores.has(name)) continue;
    const number = isPlainObject(value) ? value.mean : value;
    if (typeof number === 'number' && Number.isFinite(number)) scores[name] = number;
  }
  return scores;
}
