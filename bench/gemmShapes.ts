/** m, k, n of c [m, n] = a [m, k] b [k, n]: what distillm and its peers multiply (gemm-torch.py has them as well). */
export const gemmShapes = [
  [512, 768, 768],
  [1024, 1024, 1024],
  [2048, 768, 3072],
  [8, 768, 50257],
] as const;
