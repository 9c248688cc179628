/** TemplateProcessing: tokens around a text, as a template lists them. */
import * as z from 'zod';
import { CheckpointError } from '../../../errors.js';
import { isPlainObject } from '../../../inWords.js';
import { check, component, unsupportedIn } from '../component.js';
import type { Template } from './template.js';

const piece = z.union([
  z.object({ SpecialToken: z.object({ id: z.string() }) }),
  z.object({ Sequence: z.object({ id: z.literal('A') }) }),
]);
const fields = z.object({
  single: z.array(piece),
  // Not a record: zod leaves out what is called __proto__.
  special_tokens: z.custom<Readonly<Record<string, unknown>>>(isPlainObject, 'expected an object'),
});
const listedToken = z.object({ ids: z.array(z.int().min(0)) });

export const templateProcessing = component('TemplateProcessing', z.looseObject({}), (json, where): Template => {
  const { single, special_tokens: tokens } = check(fields, json, where);
  const split = single.findIndex((each) => 'Sequence' in each);
  if (split < 0) throw unsupportedIn('post_processor TemplateProcessing without the text', 'one with the text once');
  const idsIn = (pieces: typeof single) =>
    pieces.flatMap((each) => {
      if (!('SpecialToken' in each)) {
        throw unsupportedIn('post_processor TemplateProcessing with the text twice', 'one with the text once');
      }
      const { id } = each.SpecialToken;
      if (Object.hasOwn(tokens, id)) return check(listedToken, tokens[id], `${where}: ${JSON.stringify(id)}`).ids;
      throw new CheckpointError(`${where}: special token ${JSON.stringify(id)} is not listed.`);
    });
  return { before: idsIn(single.slice(0, split)), after: idsIn(single.slice(split + 1)) };
});
