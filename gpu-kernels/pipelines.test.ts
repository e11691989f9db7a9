import { describe, expect, it } from 'vitest';
import { KronlabError } from '../contract/errors.ts';
import { testGpu } from './test-gpu.ts';

const kernel = (statement: string): string => `
@group(0) @binding(0) var<storage, read_write> x: array<f32>;
@compute @workgroup_size(1) fn main() { ${statement} }`;

describe('a kernel that does not compile', () => {
  it('is named, with the compiler’s words, and the device goes on working', async () => {
    const { pipelines, faults } = await testGpu();
    const failure: unknown = await pipelines
      .get('soft cheese', kernel('x[0] = y;'), ['storage'])
      .catch((e: unknown) => e);
    await faults.settled();
    expect(failure).toBeInstanceOf(KronlabError);
    const { code, message } = KronlabError.from(failure);
    expect(code).toBe('internal');
    expect(message).toMatch(/^kernel soft cheese does not compile: line 3: .*'y'/);
    await expect(pipelines.get('sound', kernel('x[0] = 1.0;'), ['storage'])).resolves.toHaveProperty(
      'pipeline',
    );
  });

  it('is named as well when only its bindings are wrong', async () => {
    const { pipelines } = await testGpu();
    await expect(pipelines.get('lonely', kernel('x[0] = 2.0;'), [])).rejects.toThrow(
      'kernel lonely does not compile: ',
    );
  });
});

it('compiles a text once, whatever it is called', async () => {
  const { pipelines } = await testGpu();
  const code = kernel('x[0] = 3.0;');
  const before = pipelines.size;
  const [first, second] = await Promise.all([
    pipelines.get('first', code, ['storage']),
    pipelines.get('second', code, ['storage']),
  ]);
  expect(second).toBe(first);
  expect(pipelines.size).toBe(before + 1);
});

it('tells kernels apart by their bindings', async () => {
  const { pipelines } = await testGpu();
  const code = '@compute @workgroup_size(1) fn main() {}';
  const one = await pipelines.get('one', code, ['storage']);
  const two = await pipelines.get('two', code, ['storage', 'uniform']);
  expect(two).not.toBe(one);
});
