/** BertProcessing and RobertaProcessing: one token before a text, one after it. */
import * as z from 'zod';
import { component } from '../component.js';
import type { Template } from './template.js';

const token = z.tuple([z.string(), z.int().min(0)]);
const fields = z.object({ cls: token, sep: token });

export const bertComponents = ['BertProcessing', 'RobertaProcessing'].map((type) =>
  component(type, fields, ({ cls, sep }): Template => ({ before: [cls[1]], after: [sep[1]] })),
);
