/**
 * The shape rules that operations have in common. Kernels read memory by what the shapes promise, so a tensor that is too
 * small would be read beyond its end without a word; every refusal names the operation, the tensor and what would fit.
 */
import { KronlabError } from '../../../contract/errors.ts';
import { size, type ElementType, type Tensor } from '../graph.ts';

/** `[2, 3]`. A name stands for an axis of any length. */
export function shapeText(shape: readonly (number | string)[]): string {
  return `[${shape.join(', ')}]`;
}

/** The role of a tensor in an operation, and its own name where that says more. */
function nameOf(role: string, tensor: Tensor): string {
  return tensor.label === role ? role : `${role} (${tensor.label})`;
}

/** Refuses any shape but this one; a name in it stands for an axis of any length. */
export function requireShape(
  operation: string,
  role: string,
  tensor: Tensor,
  shape: readonly (number | string)[],
): void {
  const { shape: own } = tensor;
  const fits =
    own.length === shape.length && shape.every((dim, i) => typeof dim === 'string' || dim === own[i]);
  if (fits) return;
  throw new KronlabError(
    'internal',
    `${operation}: ${nameOf(role, tensor)} of shape ${shapeText(own)} should be ${shapeText(shape)}`,
  );
}

/** Refuses a tensor with another number of elements, in whatever shape they lie. */
export function requireCount(operation: string, role: string, tensor: Tensor, count: number): void {
  if (size(tensor.shape) === count) return;
  throw new KronlabError(
    'internal',
    `${operation}: ${nameOf(role, tensor)} of shape ${shapeText(tensor.shape)} should be ${count} ${count === 1 ? 'number' : 'numbers'}`,
  );
}

/** Refuses a tensor that has no axes: there is nothing to go along. */
export function requireAxes(operation: string, role: string, tensor: Tensor): void {
  if (tensor.shape.length > 0) return;
  throw new KronlabError('internal', `${operation}: ${nameOf(role, tensor)} of shape [] should have an axis`);
}

/** Refuses whole numbers where a kernel binds floats in its own way. */
export function requireFloats(operation: string, tensors: Readonly<Record<string, Tensor | null>>): void {
  for (const [role, tensor] of Object.entries(tensors)) {
    if (tensor) requireType(operation, role, tensor, 'f32');
  }
}

/** Refuses numbers of another type, which a kernel would read as their bits. */
export function requireType(operation: string, role: string, tensor: Tensor, type: ElementType): void {
  if (tensor.type === type) return;
  throw new KronlabError(
    'internal',
    `${operation}: ${nameOf(role, tensor)} of type ${tensor.type} should be ${type}`,
  );
}
