/**
 * Whether two models differ by more than the choice of the records: a paired bootstrap (Koehn, 2004), as sacreBLEU computes
 * it. Both are scored on the same draws of records, so that what makes a record hard for both does not count.
 */
import { drawnScores, type Interval, intervalOf } from './bootstrap.js';
import type { AnswerMetric, MeasuredAnswers, ScoreAnswersOptions, SeedAnswers } from './scoreAnswers.js';
import { checkRuns, checkScoring, measureAnswers } from './scoreAnswers.js';

/** How much a score of a model differs from that of another. */
export interface ComparedScore {
  /** The model's less the other's, of the means over the seeds. */
  readonly difference: number;
  /** Of the difference, by the bootstrap over the records. */
  readonly interval: Interval;
  /**
   * How likely a difference of at least this size would be, in either direction, if both were as good: of the resamples, those
   * whose absolute difference is further above the mean of these than the one that was found is above 0; one more counts in both.
   * 1 where no resample has a difference.
   */
  readonly pValue: number;
}

/** By the names of the scores that are of records: `distinct1` and `distinct2`, which are of all texts together, are none. */
export type ComparedScores = Readonly<Partial<Record<AnswerMetric, ComparedScore>>>;

/**
 * Compares the answers of a model with those of another to the same records, score by score.
 * @param runs the model's answers of each seed
 * @param others those of the other model, to the same records, by the same seeds or by others
 * @param references the references of each record, at least one
 * @example
 * const { rougeL } = compareAnswers(runsOfStudent, runsOfBaseline, references);
 * console.log(rougeL.difference, rougeL.interval, rougeL.pValue);
 * @throws OptionError for empty or unequal lists, and for unknown and wrong options
 */
export function compareAnswers(
  runs: readonly SeedAnswers[],
  others: readonly SeedAnswers[],
  references: readonly (readonly string[])[],
  options: ScoreAnswersOptions = {},
): ComparedScores {
  const where = 'compareAnswers';
  checkRuns(where, 'runs', runs, references);
  checkRuns(where, 'others', others, references);
  const settings = checkScoring(where, options);
  const [model, other] = [runs, others].map((each) => measureAnswers(each, references, settings)) as [
    MeasuredAnswers,
    MeasuredAnswers,
  ];
  const names = model.names.filter((name) => other.names.includes(name));
  const differencesAt = (drawn: Int32Array) => {
    const [mine, theirs] = [model.at(drawn), other.at(drawn)];
    return names.map((name) => (mine.get(name) as number) - (theirs.get(name) as number));
  };
  const all = Int32Array.from({ length: model.records }, (_, record) => record);
  const found = differencesAt(all);
  const drawn = drawnScores(model.records, differencesAt, model.bootstrap);
  return Object.fromEntries(
    names.map((name, i): [AnswerMetric, ComparedScore] => {
      const [difference, draws] = [found[i] as number, drawn[i] as number[]];
      return [
        name,
        {
          difference,
          interval: intervalOf(draws, model.bootstrap.confidence),
          pValue: pValueOf(difference, draws),
        },
      ];
    }),
  );
}

function pValueOf(difference: number, draws: readonly number[]): number {
  // sacreBLEU has 1 / (resamples + 1) here, as if two models with the same answers were surely different.
  if (draws.every((each) => each === 0)) return 1;
  const sizes = draws.map(Math.abs);
  const mean = sizes.reduce((sum, size) => sum + size, 0) / sizes.length;
  const above = sizes.filter((size) => size - mean > Math.abs(difference)).length;
  return (above + 1) / (draws.length + 1);
}
