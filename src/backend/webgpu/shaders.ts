/**
 * WGSL of every shader. A file of kernels/ is a shader under its name, unless it is in a folder named shared; its
 * opening comment says which files it follows, and the bundler puts those before it (scripts/shaders.ts). Only the
 * tiled products are put together here: each of three layouts with each of three ways to multiply a tile.
 */
import gemmMatrices from '../../../kernels/products/shared/gemmMatrices.wgsl';
import gemmNN from '../../../kernels/products/shared/gemmNN.wgsl';
import gemmNT from '../../../kernels/products/shared/gemmNT.wgsl';
import gemmThread4 from '../../../kernels/products/shared/gemmThread4.wgsl';
import gemmThread8 from '../../../kernels/products/shared/gemmThread8.wgsl';
import gemmTN from '../../../kernels/products/shared/gemmTN.wgsl';
import files from '../../../kernels?shaders';

const layouts = { gemmNN, gemmNT, gemmTN };
/** For adapters whose subgroups are of several sizes: the entry point asks for the size that it is written for. */
const gemmMatricesPinned = gemmMatrices.replace('@compute', '@subgroup_size(SUBGROUP_SIZE) @compute');
const loops = { 4: gemmThread4, 8: gemmThread8, Matrices: gemmMatrices, MatricesPinned: gemmMatricesPinned };

const products = Object.fromEntries(
  Object.entries(layouts).flatMap(([layout, code]) =>
    Object.entries(loops).map(([loop, main]) => [`${layout}${loop}`, code + main]),
  ),
) as Record<`${keyof typeof layouts}${keyof typeof loops}`, string>;

export const shaders: typeof products & Readonly<Record<string, string>> = { ...files, ...products };
