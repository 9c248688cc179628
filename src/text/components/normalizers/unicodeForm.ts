/** NFC, NFD, NFKC, NFKD: the normal forms of Unicode. */
import * as z from 'zod';
import { unicodeForms } from '../../unicodeForms.js';
import { component } from '../component.js';

export const unicodeFormComponents = unicodeForms.map((form, number) =>
  component(form, z.object({}), () => (into) => into.wasm.addUnicodeForm(number)),
);
