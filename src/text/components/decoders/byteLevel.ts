/** ByteLevel: the tokens' bytes, one after another. */
import * as z from 'zod';
import { component } from '../component.js';

/** The instance decodes so when no step is added. */
export const byteLevelDecoder = component('ByteLevel', z.object({}), () => () => undefined);
