/**
 * Published methods as presets over the one trainer. A method is a file here, which says by which settings of a run it is
 * made, with which defaults and where these come from, and a line in factories.ts. The command line (`--method`) and
 * experiments read the table `methods`.
 */
import * as factories from './factories.js';

/**
 * Every method by its name, as a function of its own options that gives settings:
 * `distill({ ...methods.gkd({ beta: 0.1 }), teacher, student, tokenizer, data, epochs: 20 })`. What is written behind the
 * spread replaces settings of the method.
 */
export const methods = { ...factories };

/** Name of a method. */
export type MethodName = keyof typeof methods;

export type { DistillingSettings, Method, MethodFacts, MethodSettings } from './defineMethod.js';
