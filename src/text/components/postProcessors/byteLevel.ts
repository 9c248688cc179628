/** ByteLevel: adds no token (it trims offsets, which nobody asks for here). */
import * as z from 'zod';
import { component } from '../component.js';
import { noTemplate, type Template } from './template.js';

export const byteLevelProcessor = component('ByteLevel', z.object({}), (): Template => noTemplate);
