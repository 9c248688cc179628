/**
 * The interpreter of Jinja with limits. A template is a file from a stranger, and Jinja has loops, recursive macros and
 * strings that double. Values are JavaScript's Maps, lists and strings behind the interpreter's own classes, so that no
 * template reaches a prototype, a module or a function other than the few that are set here; what is left to it is to take
 * time and memory. Every node of a template is evaluated through `evaluate`, which counts them and weighs each value.
 */
import { Environment, Interpreter, parse, tokenize } from '@huggingface/jinja';
import { formatBytes } from '../../errors.js';

type Node = Parameters<Interpreter['evaluate']>[0];
type Value = ReturnType<Interpreter['evaluate']>;
type Program = Parameters<Interpreter['run']>[0];

/** Characters of a template, and of white space that follow one another in it. */
const longestTemplate = 2 ** 17;
const longestSpace = 2 ** 10;
/** Nodes inside of one another. */
const deepestNode = 300;
/** Nodes that one rendering may evaluate; an element that is looped over counts as a few, whatever is done with it. */
const mostSteps = 1e6;
const stepsOfElement = 8;
const longestRendering = 10_000;
/** Characters of a value, written out. */
const largestValue = 2 ** 22;
const deepestValue = 100;
/** Elements of a list. */
const longestList = 2 ** 14;
/** Spaces that a line is indented by. */
const widestIndent = 32;

/** Why a template was not rendered, as a sentence that goes on: "it calls ...". */
export class TemplateFault extends Error {}
/** What a template itself says of messages that it does not take. */
export class TemplateRefusal extends Error {}

/** A template that has been read and looked through. */
export interface CompiledTemplate {
  readonly program: Program;
  /** Nodes that are looped over. */
  readonly iterated: ReadonlySet<unknown>;
}

/** @throws TemplateFault */
export function compile(source: string): CompiledTemplate {
  if (source.length > longestTemplate) {
    throw new TemplateFault(`it has ${formatBytes(source.length)}, expected at most ${formatBytes(longestTemplate)}`);
  }
  // The reader of Jinja takes time with the square of such a run.
  const runs = source.match(/\s+/g) ?? [];
  if (runs.some(({ length }) => length > longestSpace)) {
    throw new TemplateFault(`it has a run of more than ${longestSpace} characters of white space`);
  }
  const program = told(() => parse(tokenize(source, { lstrip_blocks: true, trim_blocks: true })));
  const iterated = new Set<unknown>();
  examine(program, iterated, 0);
  return { program, iterated };
}

/**
 * The text of a template with these variables.
 * @throws TemplateFault where it cannot be rendered or takes too much; TemplateRefusal where it calls raise_exception
 */
export function renderBounded(
  { program, iterated }: CompiledTemplate,
  variables: Readonly<Record<string, unknown>>,
): string {
  const environment = new Environment();
  for (const [name, value] of Object.entries({ ...globals, ...variables })) environment.set(name, value);
  const interpreter = new BoundedInterpreter(environment, iterated);
  return told(() => String(interpreter.run(program).value));
}

class BoundedInterpreter extends Interpreter {
  #steps = 0;
  readonly #until = performance.now() + longestRendering;
  readonly #weights = new WeakMap<object, Weight>();
  readonly #iterated: ReadonlySet<unknown>;

  constructor(environment: Environment, iterated: ReadonlySet<unknown>) {
    super(environment);
    this.#iterated = iterated;
  }

  override evaluate(node: Node, environment: Environment): Value {
    this.#spend(1);
    const value = super.evaluate(node, environment);
    const { size, depth } = this.#weigh(value);
    if (size > largestValue) throw new TemplateFault(`it makes a value of more than ${formatBytes(largestValue)}`);
    if (depth > deepestValue) throw new TemplateFault(`it makes lists more than ${deepestValue} levels deep`);
    // What is done with a large value may take long.
    if (size > 2 ** 12) this.#checkTime();
    if (this.#iterated.has(node) && Array.isArray(value.value)) {
      this.#spend(stepsOfElement * value.value.length);
    }
    return value;
  }

  #spend(steps: number): void {
    const before = this.#steps;
    this.#steps += steps;
    if (this.#steps > mostSteps) throw new TemplateFault(`it takes more than ${mostSteps.toLocaleString('en')} steps`);
    if (before >> 8 !== this.#steps >> 8) this.#checkTime();
  }

  #checkTime(): void {
    if (performance.now() > this.#until) {
      throw new TemplateFault(`it takes more than ${longestRendering / 1000} seconds`);
    }
  }

  /** Lists and objects do not change once they are made, but for namespaces, which no value may hold. */
  #weigh(value: Value | undefined): Weight {
    const held: unknown = value?.value;
    if (typeof held === 'string') return { size: held.length, depth: 0 };
    if (!value || !(Array.isArray(held) || held instanceof Map)) return scalar;
    const known = this.#weights.get(value);
    if (known) return known;
    if (Array.isArray(held) && held.length > longestList) {
      throw new TemplateFault(`it makes a list of more than ${longestList.toLocaleString('en')} elements`);
    }
    let size = 2;
    let depth = 0;
    for (const child of held.values() as Iterable<Value | undefined>) {
      if (child?.type === 'NamespaceValue') throw new TemplateFault('it puts a namespace into another value');
      const inner = this.#weigh(child);
      size += inner.size + 2;
      depth = Math.max(depth, inner.depth + 1);
    }
    if (held instanceof Map) for (const key of held.keys()) size += String(key).length + 4;
    const weight = { size, depth };
    if (value.type !== 'NamespaceValue') this.#weights.set(value, weight);
    return weight;
  }
}

/** Of a value that is written out: lists that hold a list twice count it twice. */
interface Weight {
  readonly size: number;
  readonly depth: number;
}
const scalar: Weight = { size: 24, depth: 0 };

/** The day that the templates of Llama 3 name where nobody tells them one. */
const day: Readonly<Record<string, string>> = {
  ...{ Y: '2024', y: '24', m: '07', B: 'July', b: 'Jul', d: '26', e: '26', j: '208', A: 'Friday', a: 'Fri' },
  ...{ H: '00', M: '00', S: '00', '%': '%' },
};

/** What Python takes for white space. */
const pythonSpace = '[\\t-\\r\\x1c- \\x85\\xa0\\u1680\\u2000-\\u200a\\u2028\\u2029\\u202f\\u205f\\u3000]';
/** The name of a function that a template cannot spell. */
const stripping = (method: string) => `text.${method}`;

/** What a template may call besides the interpreter's filters, tests and methods of texts and objects. */
const globals: Readonly<Record<string, unknown>> = {
  ...{ true: true, True: true, false: false, False: false, none: null, None: null },
  raise_exception(message: unknown) {
    throw new TemplateRefusal(String(message));
  },
  range(...numbers: unknown[]) {
    if (!numbers.every((each): each is number => Number.isInteger(each)) || numbers.length < 1 || numbers.length > 3) {
      throw new TemplateFault('it calls range with other things than one to three integers');
    }
    const [start, stop, step = 1] = numbers.length === 1 ? [0, ...numbers] : numbers;
    const length = Math.max(0, Math.ceil(((stop as number) - (start as number)) / step));
    if (!(length <= longestList)) throw new TemplateFault(`it asks for a range of ${length} numbers`);
    return Array.from({ length }, (_, index) => (start as number) + index * step);
  },
  ...Object.fromEntries(
    Object.entries({ strip: /^S+|S+$/g, lstrip: /^S+/g, rstrip: /S+$/g }).map(([name, { source, flags }]) => [
      stripping(name),
      (text: unknown, characters: unknown) => {
        if (typeof text !== 'string') throw new TemplateFault(`it calls ${name} of what is no text`);
        const set = typeof characters === 'string' ? `[${characters.replace(/[\]\\^-]/g, '\\$&')}]` : pythonSpace;
        return characters === '' ? text : text.replace(new RegExp(source.replaceAll('S', set), `${flags}u`), '');
      },
    ]),
  ),
  /** Always the same day: a prompt that changes overnight would be other data to a run that goes on. */
  strftime_now: (format: unknown) => String(format).replace(/%-?([A-Za-z%])/g, (all, what: string) => day[what] ?? all),
};

/** Errors of the interpreter, and those of the engine where a template is nested too deep or a text too long, in words. */
function told<T>(work: () => T): T {
  try {
    return work();
  } catch (error) {
    if (error instanceof TemplateFault || error instanceof TemplateRefusal) throw error;
    const why = error instanceof RangeError ? 'it is nested too deep, or makes too long a text' : String(error);
    throw new TemplateFault(why.replace(/^\w*Error: /, ''), { cause: error });
  }
}

/** A node as the parser makes it. */
interface Fields extends Readonly<Record<string, unknown>> {
  readonly type: string;
}

/** Looks through all nodes: finds what is looped over, and refuses what no limit of the interpreter catches. */
function examine(part: unknown, iterated: Set<unknown>, depth: number): void {
  if (typeof part !== 'object' || part === null) return;
  if (depth > deepestNode) throw new TemplateFault('it is nested too deep');
  if (Array.isArray(part)) for (const each of part) examine(each, iterated, depth);
  else if (part instanceof Map) for (const [key, value] of part) examine([key, value], iterated, depth + 1);
  else {
    const node = part as Fields;
    if (node.type === 'For') {
      const iterable = node.iterable as Fields;
      iterated.add(iterable.type === 'SelectExpression' ? iterable.lhs : iterable);
    }
    if (node.type === 'FilterExpression' || node.type === 'FilterStatement') checkIndent(node.filter as Fields);
    stripAsPython(node);
    examine(Object.values(node), iterated, depth + 1);
  }
}

/**
 * The interpreter's strip, lstrip, rstrip and trim know no characters but JavaScript's white space: they become functions that
 * strip as Python does.
 */
function stripAsPython(node: Fields): void {
  const become = (method: string, ...args: unknown[]) =>
    Object.assign(node, { type: 'CallExpression', callee: { type: 'Identifier', value: stripping(method) }, args });
  if (node.type === 'FilterExpression') {
    const { type, value, callee, args = [] } = node.filter as Fields;
    const name = type === 'CallExpression' ? (callee as Fields).value : value;
    if (name === 'trim') become('strip', node.operand, ...(args as unknown[]));
  }
  if (node.type !== 'CallExpression') return;
  const { type, computed, object, property } = node.callee as Fields;
  const method = type === 'MemberExpression' && !computed ? String((property as Fields).value) : '';
  if (['strip', 'lstrip', 'rstrip'].includes(method)) become(method, object, ...(node.args as unknown[]));
}

/** A width is repeated for every line, which no value shows before it is done. */
function checkIndent(filter: Fields): void {
  const name = filter.type === 'CallExpression' ? (filter.callee as Fields).value : undefined;
  if (name !== 'indent' && name !== 'tojson') return;
  for (const argument of filter.args as Fields[]) {
    const key = argument.type === 'KeywordArgumentExpression' ? (argument.key as Fields).value : undefined;
    const isWidth = key === undefined || key === 'indent' || key === 'width';
    const value = key === undefined ? argument : (argument.value as Fields);
    const isPlain = value.type === 'Identifier' && /^(true|false|none)$/i.test(String(value.value));
    const isNarrow = value.type === 'IntegerLiteral' && Number(value.value) <= widestIndent;
    if (!isWidth || isPlain || isNarrow) continue;
    throw new TemplateFault(`its filter ${name} has another width than a number up to ${widestIndent}`);
  }
}
