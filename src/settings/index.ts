/**
 * How options are declared, checked and compared. Every option of a run, of a loss or of a policy is one field of a zod
 * object beside the code that it steers; this folder has the ranges, and reads everything else from those fields.
 */
export { checkOption, checkOptions } from './check.js';
export { type Fields, hasMethods, instance, signalOption, special } from './instance.js';
export {
  adviceInstead,
  advising,
  group,
  leavesOf,
  type OptionFacts,
  type OptionLeaf,
  option,
  optionsInside,
  withoutDefault,
} from './option.js';
export { type Issue, parse, pathOf, tryParse } from './parse.js';
export * as ranges from './ranges.js';
export { type DataOf, type Variant, type VariantData, type VariantTable, variant, variantSchema } from './variant.js';
export { expectedInWords } from './words.js';
