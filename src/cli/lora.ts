/** The options of commands that train adapters, from the API's schema. */
import * as z from 'zod';
import { OptionError } from '../index.js';
import { type LoraOptions, loraOptions } from '../models/lora/options.js';
import { group } from '../settings/index.js';
import { flagsByPath, flagsOf, optionsFrom } from './flags.js';
import { flag, flagOf, given } from './options.js';

const grouped = z.strictObject({ lora: group(loraOptions, 'lora') });
const details = flagsOf(grouped);

export const loraFlags = {
  lora: flag(
    "train a low-rank adapter beside the student's matrices, which stay as they are, and save the adapter alone, as PEFT does",
  ),
  ...details,
};

/** What messages of the API call them. */
export const loraFlagsByPath = flagsByPath(grouped);

/**
 * The options of the adapter that is to be trained; undefined where none is.
 * @throws OptionError for options of an adapter without --lora, and for --lora without a student that there is
 */
export function loraFrom(
  options: { readonly lora: boolean; readonly student: unknown },
  seed: number,
): LoraOptions | undefined {
  if (options.lora) {
    if (options.student !== undefined) return { ...given(optionsFrom(grouped, options).lora ?? {}), seed };
    throw new OptionError(
      '--lora trains an adapter beside the weights of a student, and --student-config makes random ones, which it would not ' +
        'change. Give --student, or leave --lora out.',
    );
  }
  const misplaced = Object.keys(details).find((name) => Object(options)[name] !== undefined);
  if (misplaced === undefined) return undefined;
  throw new OptionError(
    `${flagOf(misplaced)} is an option of adapters, which --lora trains. Give --lora, or leave it out.`,
  );
}
