/** Rows of a table by token ids, and the gradient that adds to them. */
import { ShapeError } from '../../errors.js';
import { inWords } from '../../inWords.js';
import { requireOption } from '../../requireOption.js';
import { sizeOf } from '../../shape.js';
import { expectWeight } from '../expect.js';
import { rows, run } from '../run.js';
import { track } from '../tape.js';
import { Tensor } from '../tensor.js';
import { lookUp, trainedValues, type Weight } from '../weights/index.js';

/**
 * Rows of a table: y[t] = table[ids[t]]. table [rows, cols] in any format, ids on the host (row-major over `shape`) ->
 * [...shape, cols]. A table in f32 gets its gradient, for which the host sorts the ids once.
 * @throws OptionError; ShapeError when the ids do not fill the shape, or an id is outside the table, with its position.
 */
export function embedding(table: Weight, ids: Int32Array, shape: readonly number[] = [ids.length]): Tensor {
  expectWeight('embedding', 'table', table);
  requireOption('embedding', 'ids', ids, ids instanceof Int32Array, 'an Int32Array');
  if (!Array.isArray(shape) || sizeOf(shape) !== ids.length) {
    throw new ShapeError(`embedding: ${ids.length} ids do not fill the shape ${inWords(shape)}.`, {
      found: shape,
      expected: ids.length,
    });
  }
  const [tableRows, cols] = table.shape;
  const { device } = table.values;
  const outside = ids.findIndex((id) => id < 0 || id >= tableRows);
  if (outside >= 0) {
    throw new ShapeError(
      `embedding: id ${ids[outside]} at position ${outside} is outside the table of ${tableRows} rows.`,
      {
        found: ids[outside],
        expected: tableRows,
      },
    );
  }
  const idTensor = Tensor.from(device, ids, [ids.length], 'embedding.ids');
  const y = lookUp(table, idTensor, [...shape, cols]);

  const values = trainedValues(table);
  return track(values ? [values] : [], y, (dy, gradients) => {
    if (!values || !gradients.wants(values)) return;
    const target = gradients.into(values);
    if (target.accumulate === 0) device.clear(target.tensor.storage);
    const { order, unique, starts } = groupById(ids);
    const upload = (data: Int32Array, label: string) => Tensor.from(device, data, [data.length], label);
    run(
      device,
      'embeddingBackward',
      {
        dy: rows(dy),
        order: upload(order, 'embedding.order'),
        unique: upload(unique, 'embedding.unique'),
        starts: upload(starts, 'embedding.starts'),
        dtable: target.tensor,
      },
      {},
    );
  });
}

/** Token positions sorted by id (stable), the distinct ids, and where each one's run starts (one more at the end). */
function groupById(ids: Int32Array): { order: Int32Array; unique: Int32Array; starts: Int32Array } {
  const order = Int32Array.from(ids.keys()).sort((a, b) => (ids[a] as number) - (ids[b] as number) || a - b);
  const unique: number[] = [];
  const starts: number[] = [];
  order.forEach((position, i) => {
    const id = ids[position] as number;
    if (unique.at(-1) === id) return;
    unique.push(id);
    starts.push(i);
  });
  starts.push(ids.length);
  return { order, unique: Int32Array.from(unique), starts: Int32Array.from(starts) };
}
