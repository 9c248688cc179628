/** What a method is: settings of a run, made of the few options that the method has of its own. */
import type * as z from 'zod';
import { checkOptions } from '../../settings/index.js';
import type { Divergence } from '../losses/index.js';
import type { PolicyGradient } from '../policyGradient.js';
import type { SgoPolicy } from '../sgo/index.js';

/** Settings that make a run that of a method: to be spread among the options of `distill` or `fineTune`. */
export interface MethodSettings {
  /** Divergence from the teacher. */
  readonly loss?: Divergence;
  /** Share of the divergence beside cross-entropy. */
  readonly kdRatio?: number;
  /** What each step trains on. */
  readonly sgo?: SgoPolicy;
  /** Whose answers are trained on in place of student outputs. */
  readonly answers?: 'data' | 'teacher';
  /** Divergence on the student's own answers, where that is another. */
  readonly studentLoss?: Divergence;
  /** Whether a step on student outputs trains on the answers of the data as well. */
  readonly pairs?: boolean;
  /** What is minimised on the student's own answers besides. */
  readonly objective?: PolicyGradient;
  /** How `loss` and `studentLoss` change over the run. */
  readonly curriculum?: Readonly<Partial<Record<'alpha' | 'weight', boolean>>>;
  /** How the student answers: the share of tokens that the teacher draws. */
  readonly generation?: Readonly<Record<'teacherShare', number>>;
  /** The published learning rate, where it is not the usual one. */
  readonly optimizer?: Readonly<Record<'lr', number>>;
}

/** The settings of a method that learns from a teacher. */
export interface DistillingSettings extends MethodSettings {
  /** Divergence from the teacher. */
  readonly loss: Divergence;
  /** What each step trains on. */
  readonly sgo: SgoPolicy;
}

/** What `--help` and the documentation say of a method, and which options have no use in it. */
export interface MethodFacts {
  /** One line, without its first capital and its full stop. */
  readonly summary: string;
  /** The paper, and the code whose defaults these are. */
  readonly source: string;
  /** Whether it learns from a teacher. */
  readonly hasTeacher: boolean;
  /** Whether its steps may train on answers of the student, so that options about these have a meaning. */
  readonly hasStudentOutputs: boolean;
}

/**
 * The settings of a method, as plain data.
 * @throws OptionError for an option that the method does not have, and for a value out of range
 */
export interface Method<Name extends string, Given, Settings> extends MethodFacts {
  (options?: Readonly<Given>): Settings;
  /** Its name in the table `methods`, for `--method`, and in experiments. */
  readonly kind: Name;
  /** The schema of its own options. */
  readonly options: z.ZodObject;
}

/** @param settings what the options come to */
export function defineMethod<const Name extends string, Options extends z.ZodObject, Settings extends MethodSettings>(
  kind: Name,
  options: Options,
  { settings, ...facts }: MethodFacts & { readonly settings: (options: z.output<Options>) => Settings },
): Method<Name, z.input<Options>, Settings> {
  const make = (given: unknown = {}) => settings(checkOptions(kind, options, given));
  return Object.assign(make as Method<Name, z.input<Options>, Settings>, { kind, options, ...facts });
}
