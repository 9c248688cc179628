/** Bits of `GPUBufferUsage` and `GPUMapMode`, fixed by the WebGPU specification: Node has no such globals. */
export const usage = {
  mapRead: 0x1,
  copySource: 0x4,
  copyDestination: 0x8,
  uniform: 0x40,
  storage: 0x80,
  queryResolve: 0x200,
} as const;
export const mapModeRead = 0x1;
export const shaderStageCompute = 0x4;
