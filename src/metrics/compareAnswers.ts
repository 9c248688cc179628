/**
 * Whether two models differ by more than the choice of the records: a paired bootstrap (Koehn, 2004). Both are scored on the
 * same draws of records, so that what makes a record hard for both does not count.
 */
import { drawnScores, type Interval, intervalOf, pValueOf } from './bootstrap.js';
import type { AnswerMetric, MeasuredAnswers, ScoreAnswersOptions, SeedAnswers } from './scoreAnswers.js';
import { checkRuns, checkScoring, measureAnswers } from './scoreAnswers.js';

/** How much a score of a model differs from that of another. */
export interface ComparedScore {
  /** The model's score minus the other's, of the means over the seeds. */
  readonly difference: number;
  /** Of the difference, by the bootstrap over the records. */
  readonly interval: Interval;
  /**
   * How likely a difference of at least this size would be, in either direction, if both were as good: of the resamples, those
   * whose difference is at least as far from the mean of all resamples as the one that was found is from 0; one more counts in
   * both. 1 where both gave the same answers. sacreBLEU's is about half of it: that one compares absolute differences with their
   * mean, and so counts only resamples that differ more, not those that differ as much less.
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
