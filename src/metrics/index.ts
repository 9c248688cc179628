/**
 * Scores of answers against references: ROUGE-L (the paper's), BLEU and exact match, each equal to its reference
 * implementation.
 */
export { type BleuScore, bleu } from './bleu.js';
export { exactMatch } from './exactMatch.js';
export { hasRougeWords, meanRougeL, type RougeOptions, rougeL } from './rougeL.js';
