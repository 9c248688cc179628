/** Compiled pipelines by code and constants: each is compiled once a device. */
import { shaderStageCompute } from './usage.js';

/** What makes a pipeline: WGSL text, `override` constants, and how many bindings are read and written. */
export interface PipelineSpec {
  /** Names the code: two specs of one name have the same code. */
  readonly name: string;
  readonly code: string;
  readonly constants: Readonly<Record<string, number>>;
  readonly reads: number;
  readonly writes: number;
}

export interface Pipeline {
  readonly gpu: GPUComputePipeline;
  readonly layout: GPUBindGroupLayout;
  /** Equal for pipelines that share a layout. */
  readonly layoutKey: string;
}

/** Compiles each pipeline once. Bindings: 0 the uniform (dynamic offset), then what is read, then what is written. */
export function createPipelines(device: GPUDevice): { get(spec: PipelineSpec): Pipeline } {
  const layouts = new Map<string, { group: GPUBindGroupLayout; pipeline: GPUPipelineLayout }>();
  const modules = new Map<string, GPUShaderModule>();
  const pipelines = new Map<string, Pipeline>();

  const layoutFor = ({ reads, writes }: PipelineSpec) => {
    const key = `${reads} read, ${writes} written`;
    const known = layouts.get(key);
    if (known) return known;
    const buffers: GPUBufferBindingLayout[] = [{ type: 'uniform', hasDynamicOffset: true }];
    for (let i = 0; i < reads; i++) buffers.push({ type: 'read-only-storage' });
    for (let i = 0; i < writes; i++) buffers.push({ type: 'storage' });
    const entries = buffers.map((buffer, binding) => ({ binding, visibility: shaderStageCompute, buffer }));
    const group = device.createBindGroupLayout({ label: key, entries });
    const made = { group, pipeline: device.createPipelineLayout({ label: key, bindGroupLayouts: [group] }) };
    layouts.set(key, made);
    return made;
  };

  return {
    get(spec) {
      const key = `${spec.name} ${JSON.stringify(spec.constants)}`;
      const known = pipelines.get(key);
      if (known) return known;
      let module = modules.get(spec.name);
      if (!module) {
        module = device.createShaderModule({ label: spec.name, code: spec.code });
        modules.set(spec.name, module);
      }
      const layout = layoutFor(spec);
      const gpu = device.createComputePipeline({
        label: key,
        layout: layout.pipeline,
        compute: { module, entryPoint: 'main', constants: { ...spec.constants } },
      });
      const pipeline = { gpu, layout: layout.group, layoutKey: `${spec.reads}/${spec.writes}` };
      pipelines.set(key, pipeline);
      return pipeline;
    },
  };
}
