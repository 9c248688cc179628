// Every kernel of src/backend/kernels.ts for WebAssembly: raw byte pointers (4-aligned), counts in elements, a range
// [begin, end) of what the kernel's comment names. Kernels trust their arguments: shapes are checked once, above.
// Results do not depend on how a range is cut. NAMEScratch gives the working memory that a thread needs for NAME.
export { gelu, geluBackward, relu, reluBackward } from './elements/activations';
export { adamW } from './optimizer/adamW';
export { add, addInto } from './elements/add';
export { attention } from './attention/attention';
export { attentionBackwardBias } from './attention/attentionBackwardBias';
export { attentionBackwardKeyValue } from './attention/attentionBackwardKeyValue';
export { attentionBackwardQuery } from './attention/attentionBackwardQuery';
export { attentionDecode, attentionDecodeScratch } from './attention/attentionDecode';
export { attentionDelta, attentionDeltaScratch } from './attention/attentionDelta';
export { attentionScratch } from './attention/shared/attentionShape';
export { broadcastRows } from './products/broadcastRows';
export { clipScale } from './optimizer/clipScale';
export { columnSum } from './products/columnSum';
export { crossEntropy, crossEntropyScratch } from './rows/crossEntropy';
export { divergence, divergenceScratch } from './rows/divergence';
export { dropout } from './elements/dropout';
export { embedding, embeddingBackward, embeddingF16, embeddingInt8 } from './rows/embedding';
export { gemmNN, gemmNT, gemmTN, gemmScratch } from './products/gemm';
export { gemmNNF16, gemmNTF16, gemmNNInt8, gemmF16Scratch, gemmInt8Scratch } from './products/gemm';
export { gemmDot, gemmDotF16, gemmDotScratch } from './products/gemmDot';
export { gemmDotInt8, gemmDotInt8Scratch } from './products/gemmDotInt8';
export { addSegments, gemmSkinnyNN, gemmSkinnyScratch } from './products/gemmSkinny';
export { mergeHeads, splitHeads } from './attention/heads';
export { layerNorm, layerNormBackward, layerNormScratch } from './rows/layerNorm';
export { layerNormBackwardWeights } from './rows/layerNormBackwardWeights';
export { sample, sampleScratch } from './rows/sample';
export { setScratch } from './shared/scratch';
export { sumBlock, sumBlocks, sumPartials, sumScratch } from './optimizer/sum';
