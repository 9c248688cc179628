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
const loops = { 4: gemmThread4, 8: gemmThread8 };
/** How the tile of b lies: as b does, and weights in f16 are no operand of gemmTN. */
const rightLayouts = { gemmNN: 'row_major', gemmNT: 'col_major' } as const;

const onThreads = Object.fromEntries(
  Object.entries(layouts).flatMap(([layout, code]) =>
    Object.entries(loops).map(([loop, main]) => [`${layout}${loop}`, code + main]),
  ),
) as Record<`${keyof typeof layouts}${keyof typeof loops}`, string>;
const onMatrices = Object.fromEntries(
  Object.entries(rightLayouts).flatMap(([layout, right]) => {
    const code = layouts[layout as keyof typeof rightLayouts] + gemmMatrices.replaceAll('RIGHT_LAYOUT', right);
    // For adapters whose subgroups are of several sizes: the entry point asks for the size that it is written for.
    const pinned = code.replace('@compute', '@subgroup_size(SUBGROUP_SIZE) @compute');
    return [
      [`${layout}Matrices`, code],
      [`${layout}MatricesPinned`, pinned],
    ];
  }),
) as Record<`${keyof typeof rightLayouts}Matrices${'' | 'Pinned'}`, string>;

export const shaders: typeof onThreads & typeof onMatrices & Readonly<Record<string, string>> = {
  ...files,
  ...onThreads,
  ...onMatrices,
};
