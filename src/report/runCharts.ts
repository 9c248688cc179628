/** The charts that runs can have, in the order of a report: what each shows of a run's log. */
import type { Point } from './charts/bins.js';
import type { Drawing } from './charts/drawing.js';
import { lineChart } from './charts/lineChart.js';
import { fittingScale, linearScale, type Scale } from './charts/scale.js';
import { sourceChart } from './charts/sourceChart.js';
import type { LoggedStep, LoggedValidation, RunLog } from './runLog.js';

/** Curves of all runs in one chart. */
export interface RunCurves {
  readonly title: string;
  readonly unit: string;
  /** The run's values; none where it has not measured it. */
  points(run: RunLog): readonly Point[];
  scale(values: readonly number[]): Scale;
  readonly marks?: boolean;
}

const ofSteps = (value: (step: LoggedStep) => number) => (run: RunLog) =>
  run.steps.map((step) => ({ x: step.step, y: value(step) }));

/** What some steps measured besides: see `measures` of a step. */
const ofMeasures = (name: string) => (run: RunLog) =>
  run.steps.flatMap(({ step, measures }) => {
    const y = measures?.[name];
    return y === undefined ? [] : [{ x: step, y }];
  });

const ofValidations = (value: (validation: LoggedValidation) => number | undefined) => (run: RunLog) =>
  run.validations.flatMap((validation) => {
    const y = value(validation);
    return y === undefined ? [] : [{ x: validation.step, y }];
  });

const plain = (values: readonly number[]) => linearScale(values, {});
const share = (values: readonly number[]) => linearScale(values, { from: 0, to: 1, count: 5 });
const percent = (values: readonly number[]) =>
  linearScale(values, { from: 0, ...(values.some((y) => y > 75) && { to: 100 }) });

/** Whether a run ever trained on what its student said, or may have. */
const samples = ({ steps }: RunLog): boolean => steps.some(({ phi, source }) => phi > 0 || source !== 'data');

/** Curves of runs, by name: what each shows of a run's log. */
export const runCurves = {
  trainingLoss: {
    title: 'Training loss',
    unit: 'nats per token',
    points: ofSteps(({ loss }) => loss),
    scale: fittingScale,
  },
  validationLoss: {
    title: 'Validation loss',
    unit: 'cross-entropy, nats per token',
    points: ofValidations(({ loss }) => loss),
    scale: fittingScale,
    marks: true,
  },
  rougeL: {
    title: 'ROUGE-L of validation answers',
    unit: 'F-measure, 0 to 100',
    points: ofValidations(({ rougeL }) => rougeL),
    scale: plain,
    marks: true,
  },
  exactMatch: {
    title: 'Exact validation answers',
    unit: '% of answers',
    points: ofValidations(({ exactMatch }) => exactMatch),
    scale: percent,
    marks: true,
  },
  phi: {
    title: 'phi',
    unit: 'probability of student outputs',
    points: (run) => (samples(run) ? ofSteps(({ phi }) => phi)(run) : []),
    scale: share,
  },
  agreement: {
    title: 'Agreement with the teacher',
    unit: 'share of tokens whose likeliest is the same',
    points: ofMeasures('agreement'),
    scale: share,
  },
  overlap: {
    title: 'Overlap with the teacher',
    unit: 'share of the ten likeliest tokens that is in both',
    points: ofMeasures('overlap'),
    scale: share,
  },
  studentEntropy: {
    title: 'Entropy of the student',
    unit: 'nats per token',
    points: ofMeasures('studentEntropy'),
    scale: plain,
  },
  teacherEntropy: {
    title: 'Entropy of the teacher',
    unit: 'nats per token',
    points: ofMeasures('teacherEntropy'),
    scale: plain,
  },
  gradNorm: {
    title: 'Gradient norm',
    unit: 'L2, before clipping',
    points: ofSteps(({ gradNorm }) => gradNorm),
    scale: fittingScale,
  },
  lr: {
    title: 'Learning rate',
    unit: 'after warmup and schedule',
    points: ofSteps(({ lr }) => lr),
    scale: (values) => linearScale(values, { from: 0 }),
  },
} satisfies Record<string, RunCurves>;

/** The charts by name, as `charts` of a report and `distillm plot --charts` choose them. */
export const chartNames = [
  'trainingLoss',
  'validationLoss',
  'rougeL',
  'exactMatch',
  'phi',
  'sources',
  'agreement',
  'overlap',
  'studentEntropy',
  'teacherEntropy',
  'gradNorm',
  'lr',
] as const;

/** A chart of runs. */
export type ChartName = (typeof chartNames)[number];

/**
 * Of one run that trains on student outputs, phi stands in the chart of its sources; of several, each run has such a
 * chart, and phi one of its own beside them.
 */
export const usualCharts = (runs: readonly RunLog[]): readonly ChartName[] =>
  runs.filter(samples).length > 1 ? chartNames : chartNames.filter((name) => name !== 'phi');

/** The charts of these names, in the order of names; those of which no run has measured anything are left out. */
export function drawCharts(runs: readonly RunLog[], names: readonly ChartName[]): Drawing[] {
  const steps = Math.max(0, ...runs.map(lastStepOf));
  return names.flatMap((name) =>
    name === 'sources' ? drawSources(runs, steps) : drawCurves(runCurves[name], runs, steps),
  );
}

const lastStepOf = ({ steps, validations }: RunLog): number =>
  Math.max(0, steps.at(-1)?.step ?? 0, validations.at(-1)?.step ?? 0);

function drawCurves({ points, ...chart }: RunCurves, runs: readonly RunLog[], steps: number): Drawing[] {
  const lines = runs
    .map((run, series) => ({ name: run.name, points: points(run), series }))
    .filter((line) => line.points.length > 0);
  return lines.length === 0 ? [] : [lineChart({ ...chart, lines, steps })];
}

function drawSources(runs: readonly RunLog[], steps: number): Drawing[] {
  return runs
    .filter(samples)
    .map(({ name, steps: run }) =>
      sourceChart({ title: `What it trained on${runs.length > 1 ? `: ${name}` : ''}`, run, steps }),
    );
}
