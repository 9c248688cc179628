// The kernels of src/backend/kernels for WebAssembly, in its five chapters. The build compiles every file of a chapter
// and exports its exports. Code that kernels share is in folders named shared.
//
// One calling convention, which the host relies on: pointers to the operands in binding order (bytes, 4-aligned), then
// the dims and the params in the order of the record, then its constants, then the range [begin, end) of what the
// kernel's comment names. Kernels trust their arguments: shapes are checked once, above. Results do not depend on how a
// range is cut. NAMEScratch(dims) gives the bytes of working memory that a thread needs for kernel NAME; a kernel
// without one needs none.
export { setScratch } from './shared/scratch';
