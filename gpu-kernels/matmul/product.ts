/** What a matrix product is told, how its operands lie in memory, and what its kernels bind. */
import { KronlabError } from '../../contract/errors.ts';
import { regionWriter, type Access, type Binding } from '../dispatch.ts';
import { Region } from '../region.ts';

export interface MatmulArguments {
  label: string;
  a: Region;
  b: Region;
  /** Memory, or a WGSL function `C_set(i, value)` that takes what `matmulUnit` says. */
  c: Region | Access;
  /** Memory for m numbers: sums of the rows of op(A); only with `transposeA`, for one product. */
  rowSums?: Region;
  /** Row of n numbers added to every row of C. */
  bias?: Region;
  /** C is [m, n], the inner dimension is k. */
  m: number;
  n: number;
  k: number;
  /** A is stored [k, m] instead of [m, k]. */
  transposeA?: boolean;
  /** B is stored [n, k] instead of [k, n]. */
  transposeB?: boolean;
  alpha?: number;
  batch?: number;
  /** Distance between rows as stored; default: rows lie back to back. */
  lda?: number;
  ldb?: number;
  ldc?: number;
  /** Distance between matrices of the batch; 0 repeats one matrix. Default: back to back. */
  strideA?: number;
  strideB?: number;
  strideC?: number;
}

/** A product without the memory it works on. */
export type ProductShape = Omit<MatmulArguments, 'label' | 'a' | 'b' | 'c'>;

export interface Layout {
  lda: number;
  ldb: number;
  ldc: number;
  strideA: number;
  strideB: number;
  strideC: number;
}

export function layoutOf(args: ProductShape): Layout {
  const lda = args.lda ?? (args.transposeA ? args.m : args.k);
  const ldb = args.ldb ?? (args.transposeB ? args.k : args.n);
  const ldc = args.ldc ?? args.n;
  return {
    lda,
    ldb,
    ldc,
    strideA: args.strideA ?? lda * (args.transposeA ? args.k : args.m),
    strideB: args.strideB ?? ldb * (args.transposeB ? args.n : args.k),
    strideC: args.strideC ?? ldc * args.m,
  };
}

/** Whether vec4 loads and stores stay within rows. */
export function isWholeQuads(args: ProductShape): boolean {
  const { lda, ldb, ldc, strideA, strideB, strideC } = layoutOf(args);
  if ([lda, ldb, ldc, strideA, strideB, strideC].some((s) => s % 4 !== 0) || args.n % 4 !== 0) return false;
  if (args.transposeA && args.m % 4 !== 0) return false;
  return args.k % 4 === 0 || (args.transposeA === true && !args.transposeB);
}

/** Distances between neighbours along the rows and along the inner dimension, of both operands. */
export function steps(args: ProductShape): [aRow: number, aCol: number, bRow: number, bCol: number] {
  const { lda, ldb } = layoutOf(args);
  return [
    ...(args.transposeA ? ([1, lda] as const) : ([lda, 1] as const)),
    ...(args.transposeB ? ([1, ldb] as const) : ([ldb, 1] as const)),
  ];
}

/** Throws `internal` where row sums are asked for that no kernel makes. */
export function checkProduct(args: MatmulArguments): void {
  if (!args.rowSums || (args.transposeA && (args.batch ?? 1) === 1)) return;
  throw new KronlabError('internal', `${args.label}: row sums need one product with a transposed A`);
}

/** How a kernel writes C: the caller's function, or one that stores into its memory. */
export function writerOf(c: Region | Access, type: 'f32' | 'vec4f'): Access {
  return c instanceof Region ? regionWriter('C', c, type) : c;
}

/** Operands, then what is written, then the bias and the row sums where there are any. */
export function bindingsOf(args: MatmulArguments, c: Access, aType: string, otherType: string): Binding[] {
  const bindings: Binding[] = [
    { name: 'A', type: aType, region: args.a, write: false },
    { name: 'B', type: otherType, region: args.b, write: false },
    ...c.bindings,
  ];
  if (args.bias) bindings.push({ name: 'bias', type: otherType, region: args.bias, write: false });
  if (args.rowSums) bindings.push({ name: 'rowSums', type: otherType, region: args.rowSums, write: true });
  return bindings;
}
