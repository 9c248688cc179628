/**
 * Python's pickles, as far as torch.save needs them for the weights of a model. A pickle is a program for a machine with
 * a stack; it may name any function of Python and have it called. Here a short list of names stands for data of ours,
 * no other name is taken, and nothing is called or built but that. Values stay as the program left them, shared ones
 * shared, and nothing here follows them in depth. Source: Python's pickletools.
 */
import { CheckpointError } from '../../errors.js';
import { inWords, short } from '../../inWords.js';
import { decodeText } from '../utf8.js';

/** A value of Python. A tuple is a list. Integers that a double does not hold exactly are bigints. */
export type Pickled = null | boolean | number | bigint | string | Pickled[] | Map<Pickled, Pickled> | Named | object;

/** A name that the program is allowed, not called yet. */
export class Named {
  constructor(readonly name: string) {}
}

/** What the names are for, and what becomes of references to things outside of the pickle. */
export interface PickleNames {
  /** 'collections.OrderedDict' -> what a call of it gives; undefined for names that are never called. */
  readonly names: ReadonlyMap<string, ((args: readonly Pickled[]) => Pickled) | undefined>;
  /** A storage by its persistent id. */
  outside(id: Pickled): Pickled;
}

/**
 * Lists, dicts and tuples that a pickle may make, values that may wait, and elements of lists that calls may be given: far
 * more than any model's, and few enough to hold. One list may be given to many calls, in a few bytes each.
 */
const [mostContainers, mostWaiting, mostGiven] = [2 ** 20, 2 ** 22, 2 ** 22];

const MARK = 0x28;
/** Opcodes by their letter; those of later protocols have none. */
const op = (letter: string): number => letter.charCodeAt(0);

/** Opcodes that make a list, a dict, a tuple, or call what makes one. */
const makesContainer: ReadonlySet<number> = new Set([...'}d])ltRQ'].map(op).concat([0x85, 0x86, 0x87]));

/** @throws CheckpointError for a malformed pickle, a name that is not allowed, and what torch.save never writes */
export function unpickle(bytes: Uint8Array, where: string, { names, outside }: PickleNames): Pickled {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const stack: Pickled[] = [];
  /** Heights of the stack that a MARK has set. */
  const marks: number[] = [];
  const memo = new Map<number, Pickled>();
  let at = 0;
  let containers = 0;
  let given = 0;

  const malformed = (what: string) =>
    new CheckpointError(`${where}: malformed pickle: ${what} at byte ${at}. Download the file again.`);
  const take = (length: number): number => {
    const begin = at;
    if (!(length <= bytes.length - at)) throw malformed(`${length} bytes are asked for, ${bytes.length - at} are left`);
    at += length;
    return begin;
  };
  const byte = () => bytes[take(1)] as number;
  const uint32 = () => view.getUint32(take(4), true);
  const text = (length: number): string => {
    const begin = take(length);
    return decodeText(bytes.subarray(begin, at), `${where}: a text`, 'text');
  };
  const line = (): string => {
    const end = bytes.indexOf(0x0a, at);
    if (end < 0) throw malformed('a line without an end');
    const content = text(end - at);
    at++;
    return content;
  };
  const pop = (): Pickled => {
    if (stack.length <= (marks.at(-1) ?? 0)) throw malformed('the stack is empty');
    return stack.pop() as Pickled;
  };
  const top = (): Pickled => {
    if (stack.length <= (marks.at(-1) ?? 0)) throw malformed('the stack is empty');
    return stack.at(-1) as Pickled;
  };
  const sinceMark = (): Pickled[] => {
    const height = marks.pop();
    if (height === undefined) throw malformed('there is no mark');
    return stack.splice(height);
  };
  const named = (name: string): Named => {
    if (names.has(name)) return new Named(name);
    throw new CheckpointError(
      `${where}: the pickle names ${short(name)}, expected nothing but ${[...names.keys()].join(', ')}. A file of weights needs ` +
        'no more; what else a pickle names can run code, and nothing of it was run. Save the weights as safetensors.',
      { found: name, expected: [...names.keys()] },
    );
  };
  const tooMuch = () => malformed('more lists, dicts, tuples or values than any model needs');
  const call = (what: Pickled, args: Pickled): Pickled => {
    for (const each of Array.isArray(args) ? args : []) given += 1 + (Array.isArray(each) ? each.length : 0);
    if (given > mostGiven) throw tooMuch();
    const made = what instanceof Named && Array.isArray(args) ? names.get(what.name)?.(args) : undefined;
    if (made === undefined) throw malformed('a call of what is no function');
    return made;
  };
  const listOf = (value: Pickled): Pickled[] => {
    if (Array.isArray(value)) return value;
    throw malformed('what is appended to is no list');
  };
  const setItems = (target: Pickled, items: readonly Pickled[]) => {
    if (!(target instanceof Map) || items.length % 2 !== 0) throw malformed('what gets items is no dict');
    for (let i = 0; i < items.length; i += 2) target.set(items[i] as Pickled, items[i + 1] as Pickled);
  };
  const remember = (index: number) => void memo.set(index, top());
  const recall = (index: number) => {
    const value = memo.get(index);
    if (value === undefined) throw malformed(`nothing is remembered as ${index}`);
    stack.push(value);
  };
  const tuple = (length: number) => {
    const values = Array.from({ length }, pop);
    stack.push(values.reverse());
  };
  const long = (length: number): number | bigint => {
    if (length > 8) throw malformed(`an integer of ${length} bytes`);
    const begin = take(length);
    let value = 0n;
    for (let i = length - 1; i >= 0; i--) value = (value << 8n) | BigInt(bytes[begin + i] as number);
    const whole = BigInt.asIntN(8 * length, value);
    return Number.isSafeInteger(Number(whole)) ? Number(whole) : whole;
  };

  for (;;) {
    const code = byte();
    if (makesContainer.has(code)) containers++;
    if (containers > mostContainers || stack.length + marks.length > mostWaiting) throw tooMuch();
    switch (code) {
      case 0x80: // PROTO
        if (byte() > 5) throw malformed('a protocol above 5');
        break;
      case 0x95: // FRAME, whose length nothing here needs
        take(8);
        break;
      case MARK:
        marks.push(stack.length);
        break;
      case op('.'): {
        const result = pop();
        if (stack.length > 0 || marks.length > 0) throw malformed('more than one value');
        return result;
      }
      case op('0'):
        pop();
        break;
      case op('1'):
        sinceMark();
        break;
      case op('N'):
        stack.push(null);
        break;
      case 0x88:
        stack.push(true);
        break;
      case 0x89:
        stack.push(false);
        break;
      case op('K'):
        stack.push(byte());
        break;
      case op('M'):
        stack.push(view.getUint16(take(2), true));
        break;
      case op('J'):
        stack.push(view.getInt32(take(4), true));
        break;
      case 0x8a:
        stack.push(long(byte()));
        break;
      case op('G'):
        stack.push(view.getFloat64(take(8), false));
        break;
      case op('X'):
        stack.push(text(uint32()));
        break;
      case 0x8c:
        stack.push(text(byte()));
        break;
      case 0x8d:
        stack.push(text(Number(view.getBigUint64(take(8), true))));
        break;
      case op('U'): // texts of Python 2
        stack.push(text(byte()));
        break;
      case op('T'):
        stack.push(text(uint32()));
        break;
      case op('}'):
        stack.push(new Map());
        break;
      case op('d'): {
        const items = sinceMark();
        const made = new Map<Pickled, Pickled>();
        setItems(made, items);
        stack.push(made);
        break;
      }
      case op(']'):
      case op(')'):
        stack.push([]);
        break;
      case op('l'):
      case op('t'):
        stack.push(sinceMark());
        break;
      case 0x85:
        tuple(1);
        break;
      case 0x86:
        tuple(2);
        break;
      case 0x87:
        tuple(3);
        break;
      case op('a'): {
        const value = pop();
        listOf(top()).push(value);
        break;
      }
      case op('e'): {
        const values = sinceMark();
        const list = listOf(top());
        for (const value of values) list.push(value);
        break;
      }
      case op('s'): {
        const value = pop();
        const key = pop();
        setItems(top(), [key, value]);
        break;
      }
      case op('u'): {
        const items = sinceMark();
        setItems(top(), items);
        break;
      }
      case op('q'):
        remember(byte());
        break;
      case op('r'):
        remember(uint32());
        break;
      case 0x94:
        remember(memo.size);
        break;
      case op('h'):
        recall(byte());
        break;
      case op('j'):
        recall(uint32());
        break;
      case op('c'): {
        const module = line();
        stack.push(named(`${module}.${line()}`));
        break;
      }
      case 0x93: {
        const name = pop();
        const module = pop();
        stack.push(named(`${inWord(module)}.${inWord(name)}`));
        break;
      }
      case op('Q'):
        stack.push(outside(pop()));
        break;
      case op('R'): {
        const args = pop();
        stack.push(call(pop(), args));
        break;
      }
      case op('b'): // Attributes of a dict: torch keeps versions of modules in them.
        pop();
        if (!(top() instanceof Map)) throw malformed('what gets attributes is no dict');
        break;
      default:
        throw malformed(
          `the opcode 0x${code.toString(16).padStart(2, '0')}, which torch.save does not write for weights,`,
        );
    }
  }
}

const inWord = (value: Pickled): string => (typeof value === 'string' ? value : inWords(value));
