export { type BleuScore, bleu } from './bleu.js';
export { exactMatch } from './exactMatch.js';
export { meanRougeL, type RougeOptions, rougeL } from './rougeL.js';
