/** What many verdicts say together. */

import { isPlainObject } from '../inWords.js';
import { requireOption } from '../requireOption.js';
import type { Comparison, Rating } from './judge.js';

/** What a judge thinks of a model. */
export interface RatingSummary {
  /** Mean of the answers' scores, 1 to 10; NaN where no reply had any. */
  readonly score: number;
  /** Mean of the references' scores. */
  readonly referenceScore: number;
  /** The sum of the answers' scores in percent of that of the references', as MiniLLM reports it. */
  readonly ratio: number;
  /** Replies with scores. */
  readonly rated: number;
  /** Replies without, which are left out. */
  readonly unreadable: number;
}

/** How a model does beside another. */
export interface ComparisonSummary {
  /** Pairs whose first answer is preferred in both orders. */
  readonly wins: number;
  /** Pairs without a preference, or with one that goes with the place. */
  readonly ties: number;
  /** Pairs whose second answer is preferred in both orders. */
  readonly losses: number;
  /** Wins and half of the ties, in percent of all pairs that were read; NaN where there is none. */
  readonly winRate: number;
  /** Pairs with a reply without scores, which are left out. */
  readonly unreadable: number;
}

/**
 * Mean scores of answers, and their share of the references'.
 * @throws OptionError for what is no list of ratings
 */
export function summarizeRatings(ratings: readonly Pick<Rating, 'score' | 'referenceScore'>[]): RatingSummary {
  checkVerdicts('summarizeRatings', 'ratings', ratings);
  const read = ratings.filter(({ score, referenceScore }) => score !== undefined && referenceScore !== undefined);
  const sum = (of: 'score' | 'referenceScore') => read.reduce((total, rating) => total + (rating[of] ?? 0), 0);
  const [scores, references] = [sum('score'), sum('referenceScore')];
  return {
    score: scores / read.length,
    referenceScore: references / read.length,
    ratio: (100 * scores) / references,
    rated: read.length,
    unreadable: ratings.length - read.length,
  };
}

/**
 * Wins, ties and losses of the first answers.
 * @throws OptionError for what is no list of comparisons
 */
export function summarizeComparisons(comparisons: readonly Pick<Comparison, 'winner'>[]): ComparisonSummary {
  checkVerdicts('summarizeComparisons', 'comparisons', comparisons);
  const count = (winner: Comparison['winner']) => comparisons.filter((each) => each.winner === winner).length;
  const [wins, ties, losses] = [count('first'), count('tie'), count('second')];
  const read = wins + ties + losses;
  return { wins, ties, losses, winRate: (100 * (wins + ties / 2)) / read, unreadable: comparisons.length - read };
}

function checkVerdicts(where: string, option: string, verdicts: unknown): void {
  const ok = Array.isArray(verdicts) && verdicts.every((each) => isPlainObject(each));
  requireOption(where, option, verdicts, ok, `a list of ${option}`);
}
