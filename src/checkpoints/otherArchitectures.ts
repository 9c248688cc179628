/**
 * Architectures that are not read, by what config.json and GGUF files call them. Many are a letter or two away from one
 * that is read, which is no slip: the two do not compute alike.
 */
const others: ReadonlySet<string> = new Set([
  ...['umt5', 'longt5', 'switchtransformers', 'bart', 'mbart', 'pegasus', 't5gemma', 't5encoder'],
  ...['gptj', 'gptneo', 'gptneox', 'gptneoxjapanese', 'gptbigcode', 'gptoss', 'openaigpt', 'imagegpt'],
  ...['gemma', 'gemma2', 'gemma3n', 'gemma3ntext', 'recurrentgemma', 'paligemma'],
  ...['phi', 'phi2', 'phi3', 'phimoe', 'mpt', 'olmo', 'olmo2', 'falcon', 'bloom', 'stablelm', 'starcoder2', 'granite'],
  ...[
    'llama4',
    'llama4text',
    'mllama',
    'llava',
    'mixtral',
    'mistral3',
    'mistral4',
    'ministral',
    'cohere',
    'deepseekv3',
  ],
  ...['qwen', 'qwen2moe', 'qwen2vl', 'qwen25vl', 'qwen3moe', 'qwen3vl', 'qwen3next'],
]);

/** What to do about the name of such an architecture, as a sentence; '' for another name. */
export const adviceOfOther = (name: unknown): string =>
  typeof name === 'string' && others.has(name.toLowerCase().replaceAll(/[_-]/g, ''))
    ? `${name} is another architecture, which is not read. Take another model.`
    : '';
