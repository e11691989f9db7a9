/**
 * A part that stays in host memory: rows go to the GPU a batch at a time, into pages that are used in turn. While the
 * GPU works on the rows of one page, the host gathers those of the next ones. All writes and launches go through one
 * queue in order, so that a page is never overwritten while something submitted before still reads it.
 */
import { KronlabError } from '../../contract/errors.ts';
import { partTensor, type DatasetPart, type PreparedTensor } from '../../datasets/dataset.ts';
import type { GpuContext } from '../../gpu-kernels/device.ts';
import { placeInNewBuffer, Region } from '../../gpu-kernels/region.ts';
import { upload } from '../../gpu-kernels/upload.ts';
import { size, type Graph, type Tensor } from '../program/graph.ts';
import { noRow } from '../program/operations/inverse-index.ts';
import type { PartSource, RowsByTensor } from './part-source.ts';

/** What a batch takes of a tensor at most: so many entries of consecutive rows (windows of a text; else one row). */
export interface Room {
  entries: number;
  rowsPerEntry: number;
}

export type RoomByTensor = Readonly<Record<string, Room>>;

/** Pages ahead of the one in use in training: as many as steps are submitted ahead of the GPU. */
export const usualAhead = 2;

export class StreamedPart implements PartSource {
  readonly part: DatasetPart;
  readonly ahead: number;
  private readonly tensors: ReadonlyMap<string, PagedTensor>;
  private expected: { rows: RowsByTensor; page: number }[] = [];
  private current = 0;

  /** With as many pages ahead as fit, at most `ahead`. Throws `invalid` with the sizes where the rows of one batch are more than the adapter binds at once. */
  constructor(scope: GpuContext, part: DatasetPart, room: RoomByTensor, ahead: number) {
    this.part = part;
    const most = bindingLimit(scope);
    const bytes = Object.keys(room).map((name) => ({ name, bytes: pageBytes(part, room, name) }));
    const tooLarge = bytes.find((page) => page.bytes > most);
    if (tooLarge) {
      throw new KronlabError(
        'invalid',
        `batchSize: the ${tooLarge.name} of one batch are ${tooLarge.bytes} bytes; this adapter binds at most ` +
          `${most} at once. Take a smaller batch.`,
      );
    }
    const pages = Math.min(1 + ahead, ...bytes.map((page) => Math.floor(most / page.bytes)));
    this.ahead = pages - 1;
    this.tensors = new Map(
      Object.entries(room).map(([name, of]) => [
        name,
        new PagedTensor(scope, name, partTensor(part, name), of, pages),
      ]),
    );
  }

  leaf(graph: Graph, name: string): Tensor {
    return this.paged(name).leaf(graph);
  }

  bring(rows: RowsByTensor): RowsByTensor {
    const first = this.expected.shift();
    if (first && isSame(first.rows, rows)) {
      this.current = first.page;
    } else {
      // Another run begins, or an evaluation from its first piece: what was expected does not come.
      this.expected = [];
      this.current = this.pageAfter(this.current);
      this.write(rows, this.current);
    }
    return mapRows(rows, (name, list) => this.paged(name).numbersIn(this.current, list));
  }

  expect(rows: RowsByTensor): void {
    if (this.expected.length >= this.ahead) return;
    const page = this.pageAfter(this.expected.at(-1)?.page ?? this.current);
    this.write(rows, page);
    this.expected.push({ rows: mapRows(rows, (_, list) => list.slice()), page });
  }

  private write(rows: RowsByTensor, page: number): void {
    for (const [name, list] of Object.entries(rows)) this.paged(name).write(page, list);
  }

  private pageAfter(page: number): number {
    return (page + 1) % (this.ahead + 1);
  }

  private paged(name: string): PagedTensor {
    const tensor = this.tensors.get(name);
    if (!tensor) throw new Error(`no rows of "${name}" are streamed`);
    return tensor;
  }
}

/** Pages of one tensor, one after another in one buffer: the leaf `[pages * entries * rowsPerEntry, ...]`. */
class PagedTensor {
  private readonly gpu: GpuContext;
  private readonly name: string;
  private readonly tensor: PreparedTensor;
  private readonly room: Room;
  private readonly shape: readonly number[];
  private readonly region: Region;
  private readonly words: Uint32Array;
  /** A page put together on the host. */
  private readonly gathered: Uint32Array;
  private readonly rowWords: number;

  constructor(scope: GpuContext, name: string, tensor: PreparedTensor, room: Room, pages: number) {
    this.gpu = scope;
    this.name = name;
    this.tensor = tensor;
    this.room = room;
    const rows = room.entries * room.rowsPerEntry;
    this.shape = [pages * rows, ...tensor.shape.slice(1)];
    this.rowWords = size(tensor.shape.slice(1));
    this.region = new Region(name, Math.max(16, 16 * Math.ceil(size(this.shape) / 4)));
    placeInNewBuffer(scope, name, [this.region]);
    const { buffer, byteOffset, length } = tensor.data;
    // Copied as words, so that the bits of any type stay what they are.
    this.words = new Uint32Array(buffer, byteOffset, length);
    this.gathered = new Uint32Array(rows * this.rowWords);
  }

  leaf(graph: Graph): Tensor {
    const type = this.tensor.data instanceof Uint32Array ? 'u32' : 'f32';
    return graph.leaf(this.name, this.shape, this.region, type);
  }

  /** Numbers within the leaf of rows that were written to a page in this order. */
  numbersIn(page: number, rows: Uint32Array): Uint32Array {
    const { entries, rowsPerEntry } = this.room;
    return rows.map((row, i) => (row === noRow ? noRow : (page * entries + i) * rowsPerEntry));
  }

  write(page: number, rows: Uint32Array): void {
    const { entries, rowsPerEntry } = this.room;
    const { words, gathered, rowWords } = this;
    const entryWords = rowsPerEntry * rowWords;
    let used = 0;
    for (let first = 0; first < rows.length;) {
      const row = rows[first]!;
      let end = first + 1;
      if (row !== noRow) {
        // Rows that follow each other are copied at once.
        while (end < rows.length && rows[end] === rows[end - 1]! + rowsPerEntry) end += 1;
        const source = words.subarray(row * rowWords, row * rowWords + (end - first) * entryWords);
        gathered.set(source, first * entryWords);
        used = end * entryWords;
      }
      first = end;
    }
    const { buffer, offset } = this.region;
    if (used > 0)
      upload(this.gpu.device, buffer, offset + 4 * page * entries * entryWords, gathered.subarray(0, used));
  }
}

/** Bytes of the largest page of any tensor. */
export function largestPage(part: DatasetPart, room: RoomByTensor): number {
  return Math.max(...Object.keys(room).map((name) => pageBytes(part, room, name)));
}

function pageBytes(part: DatasetPart, room: RoomByTensor, name: string): number {
  const { entries = 0, rowsPerEntry = 0 } = room[name] ?? {};
  return 4 * entries * rowsPerEntry * Math.max(1, size(partTensor(part, name).shape.slice(1)));
}

/** The most bytes that a kernel of this adapter reads of one tensor. */
export function bindingLimit({ limits }: GpuContext): number {
  const { maxStorageBufferBindingSize = Infinity, maxBufferSize = Infinity } = limits;
  return Math.min(maxStorageBufferBindingSize, maxBufferSize);
}

function mapRows(rows: RowsByTensor, map: (name: string, list: Uint32Array) => Uint32Array): RowsByTensor {
  return Object.fromEntries(Object.entries(rows).map(([name, list]) => [name, map(name, list)]));
}

function isSame(rows: RowsByTensor, others: RowsByTensor): boolean {
  return Object.entries(rows).every(([name, list]) => {
    const other = others[name];
    return other?.length === list.length && list.every((row, i) => row === other[i]);
  });
}
