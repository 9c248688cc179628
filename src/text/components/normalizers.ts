/** Normalizers: what changes a text before it is cut into words. */
import type { Stage } from './component.js';
import { precompiled } from './normalizers/precompiled.js';
import { prepend } from './normalizers/prepend.js';
import { replace } from './normalizers/replace.js';
import { strip } from './normalizers/strip.js';
import { unicodeFormComponents } from './normalizers/unicodeForm.js';

export const normalizers: Stage = {
  field: 'normalizer',
  list: 'normalizers',
  components: [...unicodeFormComponents, prepend, replace, strip, precompiled],
};
