/** Fuse: all tokens become one, for the steps that follow. */
import * as z from 'zod';
import { component } from '../component.js';

export const fuse = component('Fuse', z.object({}), () => (into) => into.wasm.addFuseDecoder());
