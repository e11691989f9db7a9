import { expect, test } from 'vitest';
import philoxSource from './philox.wgsl';
import { readRegions } from './readback.ts';
import { emptyRegion, runAndRead, testGpu, uploaded } from './test-gpu.ts';

/** Counter (4 words), key (2 words), expected output (4 words): the known answers that Random123 ships for Philox-4x32-10. */
const knownAnswers = [
  ['00000000 00000000 00000000 00000000 00000000 00000000', '6627e8d5 e169c58d bc57ac4c 9b00dbd8'],
  ['ffffffff ffffffff ffffffff ffffffff ffffffff ffffffff', '408f276d 41c83b0e a20bc7c6 6d5451fd'],
  ['243f6a88 85a308d3 13198a2e 03707344 a4093822 299f31d0', 'd16cfe09 94fdcceb 5001e420 24126ea1'],
] as const;

const wordsOf = (hex: string): number[] => hex.split(' ').map((word) => Number.parseInt(word, 16));

test('Philox-4x32-10 gives the known answers', async () => {
  const gpu = await testGpu();
  const inputs = Uint32Array.from(knownAnswers.flatMap(([input]) => wordsOf(input)));
  const result = emptyRegion(gpu, 'result', 4 * knownAnswers.length);
  const dispatch = {
    label: 'philox',
    code: `${philoxSource}
@compute @workgroup_size(1)
fn main(@builtin(global_invocation_id) id: vec3<u32>) {
  let at = id.x * 6u;
  let counter = vec4<u32>(inputs[at], inputs[at + 1u], inputs[at + 2u], inputs[at + 3u]);
  let words = philox(counter, vec2<u32>(inputs[at + 4u], inputs[at + 5u]));
  for (var i = 0u; i < 4u; i++) { result[id.x * 4u + i] = words[i]; }
}`,
    bindings: [
      { name: 'inputs', type: 'array<u32>', region: uploaded(gpu, 'inputs', inputs), write: false },
      { name: 'result', type: 'array<u32>', region: result, write: true },
    ],
    workgroups: [knownAnswers.length, 1, 1] as [number, number, number],
    flops: 0,
  };
  await runAndRead(gpu, [dispatch], result);
  const [bytes] = await readRegions(gpu, [result]);
  expect([...new Uint32Array(bytes!)]).toEqual(knownAnswers.flatMap(([, output]) => wordsOf(output)));
});

test('unit() stays within [0, 1)', async () => {
  const gpu = await testGpu();
  const bits = Uint32Array.of(0, 0xff, 0x100, 0x80000000, 0xffffffff);
  const result = emptyRegion(gpu, 'result', bits.length);
  const dispatch = {
    label: 'unit',
    code: `${philoxSource}
@compute @workgroup_size(1)
fn main(@builtin(global_invocation_id) id: vec3<u32>) { result[id.x] = unit(bits[id.x]); }`,
    bindings: [
      { name: 'bits', type: 'array<u32>', region: uploaded(gpu, 'bits', bits), write: false },
      { name: 'result', type: 'array<f32>', region: result, write: true },
    ],
    workgroups: [bits.length, 1, 1] as [number, number, number],
    flops: 0,
  };
  expect([...(await runAndRead(gpu, [dispatch], result))]).toEqual([0, 0, 2 ** -24, 0.5, 1 - 2 ** -24]);
});
