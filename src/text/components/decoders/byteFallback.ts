/** ByteFallback: tokens like <0xE2> in a row are the bytes of one text. */
import * as z from 'zod';
import { component } from '../component.js';

export const byteFallback = component('ByteFallback', z.object({}), () => (into) => into.wasm.addByteFallbackDecoder());
