/** What a text is known by: files that say themselves whether they are whole, and names made of contents. */
import { createHash } from 'node:crypto';

export const sha256 = (text: string): string => createHash('sha256').update(text).digest('hex');
