import { ShapeError } from '../../errors.js';
import { rows, run } from '../run.js';
import { track } from '../tape.js';
import { Tensor } from '../tensor.js';
import { scalesOf } from './linear.js';

/**
 * Rows of a table: y[t] = table[ids[t]]. table [rows, cols], ids on the host (row-major over `shape`) -> [...shape,
 * cols]. Its gradient needs the ids sorted, which the host does once. A frozen table may be stored as f16 or int8.
 * @throws ShapeError when an id is outside the table, with its position.
 */
export function embedding(table: Tensor, ids: Int32Array, shape: readonly number[] = [ids.length]): Tensor {
  const [tableRows = 0, cols = 0] = table.shape;
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
  const idTensor = Tensor.from(table.device, ids, [ids.length], 'embedding.ids');
  const y = gather(table, idTensor, [...shape, cols]);

  return track([table], y, (dy, gradients) => {
    if (!gradients.wants(table)) return;
    const target = gradients.into(table);
    if (target.accumulate === 0) table.device.clear(target.tensor.storage);
    const { order, unique, starts } = groupById(ids);
    const upload = (data: Int32Array, label: string) => Tensor.from(table.device, data, [data.length], label);
    run(
      table.device,
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

function gather(table: Tensor, ids: Tensor, shape: readonly number[]): Tensor {
  const { device, dtype } = table;
  if (dtype === 'f16') return run(device, 'embeddingF16', { table, ids }, { scale: table.scale }, { y: shape }).y;
  if (dtype === 'int8')
    return run(device, 'embeddingInt8', { table, scales: scalesOf(table), ids }, {}, { y: shape }).y;
  return run(device, 'embedding', { table, ids }, {}, { y: shape }).y;
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
