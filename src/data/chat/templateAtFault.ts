/**
 * What is wrong with a chat template itself. No other record mends it, and to find it again for each may take ten seconds: a
 * reading ends at the first, where records that a template does not take are counted.
 */
import { DataError } from '../../errors.js';
import type { ChatMessage } from './messages.js';

/** To callers a DataError. */
export class TemplateAtFault extends DataError {}

/** A conversation that is longer than this may run into the limits of a template that is fine. */
const longest = { messages: 1000, characters: 2 ** 17 };

/** Whether limits that it runs into may be its own doing. */
export const isVeryLong = (messages: readonly ChatMessage[]): boolean =>
  messages.length > longest.messages ||
  messages.reduce((sum, { content }) => sum + content.length, 0) > longest.characters;
