// Every kernel of src/backend/kernels.ts for WebAssembly: raw byte pointers (4-aligned), counts in elements, a range
// [begin, end) of what the kernel's comment names. Kernels trust their arguments: shapes are checked once, above.
// Results do not depend on how a range is cut. NAMEScratch gives the working memory that a thread needs for NAME.
export { gelu, geluBackward, relu, reluBackward } from './activations';
export { adamW } from './adamW';
export { add, addInto } from './add';
export { attention } from './attention';
export { attentionBackwardBias } from './attentionBackwardBias';
export { attentionBackwardKeyValue } from './attentionBackwardKeyValue';
export { attentionBackwardQuery } from './attentionBackwardQuery';
export { attentionDecode, attentionDecodeScratch } from './attentionDecode';
export { attentionDelta, attentionDeltaScratch } from './attentionDelta';
export { attentionScratch } from './attentionShape';
export { broadcastRows } from './broadcastRows';
export { clipScale } from './clipScale';
export { columnSum } from './columnSum';
export { crossEntropy, crossEntropyScratch } from './crossEntropy';
export { divergence, divergenceScratch } from './divergence';
export { dropout } from './dropout';
export { embedding, embeddingBackward, embeddingF16, embeddingInt8 } from './embedding';
export { gemmNN, gemmNT, gemmTN, gemmScratch } from './gemm';
export { gemmNNF16, gemmNTF16, gemmF16Scratch } from './gemm';
export { gemmDot, gemmDotF16, gemmDotScratch } from './gemmDot';
export { gemmDotInt8, gemmDotInt8Scratch } from './gemmDotInt8';
export { addSegments, gemmSkinnyNN, gemmSkinnyScratch } from './gemmSkinny';
export { mergeHeads, splitHeads } from './heads';
export { layerNorm, layerNormBackward, layerNormScratch } from './layerNorm';
export { layerNormBackwardWeights } from './layerNormBackwardWeights';
export { sample, sampleScratch } from './sample';
export { setScratch } from './scratch';
export { sumBlock, sumBlocks, sumPartials, sumScratch } from './sum';
