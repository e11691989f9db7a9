import { beforeAll, describe, expect, it } from 'vitest';
import type { GpuContext } from './device.ts';
import { floatBits, record, type Binding, type Dispatch } from './dispatch.ts';
import { placeInNewBuffer, Region } from './region.ts';
import { emptyRegion, runAndRead, testGpu, uploaded } from './test-gpu.ts';

let gpu: GpuContext;
beforeAll(async () => {
  gpu = await testGpu();
});

const reads = (name: string, region: Region, type = 'array<f32>'): Binding => ({
  name,
  type,
  region,
  write: false,
});
const writes = (name: string, region: Region, type = 'array<f32>'): Binding => ({
  name,
  type,
  region,
  write: true,
});

function launch(body: string, bindings: Binding[], rest: Partial<Dispatch> = {}): Dispatch {
  const code = `@compute @workgroup_size(1) fn main(@builtin(global_invocation_id) id: vec3<u32>) { ${body} }`;
  return { label: 'test', code, bindings, workgroups: [4, 1, 1], flops: 0, ...rest };
}

it('reads floats into the words of a parameter block', () => {
  expect([floatBits(1), floatBits(-2), floatBits(0.1)]).toEqual([0x3f800000, 0xc0000000, 0x3dcccccd]);
});

it('runs launches one after another, each with parameters of its own', async () => {
  const result = emptyRegion(gpu, 'result', 4);
  const x = uploaded(gpu, 'x', [1, 2, 3, 4]);
  const step = (factor: number, offset: number): Dispatch => ({
    ...launch('result[id.x] = result[id.x] * params.factor + x[id.x] + f32(params.offset);', [
      reads('x', x),
      writes('result', result),
    ]),
    params: { type: 'Params', data: Uint32Array.of(floatBits(factor), offset) },
  });
  const dispatches = [step(0, 10), step(0.5, 100)].map((dispatch) => ({
    ...dispatch,
    code: `struct Params { factor: f32, offset: u32 }\n${dispatch.code}`,
  }));
  expect([...(await runAndRead(gpu, dispatches, result))]).toEqual(
    [1, 2, 3, 4].map((v) => (v + 10) / 2 + v + 100),
  );
});

describe('memory bound more than once', () => {
  it('may be read under two names, next to results in the same buffer', async () => {
    const [x, result] = [new Region('x', 64), new Region('result', 64)];
    const buffer = placeInNewBuffer(gpu, 'arena', [x, result]);
    gpu.device.queue.writeBuffer(buffer, x.offset, Float32Array.of(1, 2, 3, 4));
    const dispatch = launch('result[id.x] = a[id.x] * b[id.x];', [
      reads('a', x),
      reads('b', x),
      writes('result', result),
    ]);
    expect([...(await runAndRead(gpu, [dispatch], result)).subarray(0, 4)]).toEqual([1, 4, 9, 16]);
  });

  it('leaves members and longer names alone that are spelt like the second name', async () => {
    const type = 'array<vec4f>';
    const memory = uploaded(gpu, 'memory', [1, 2, 3, 4]);
    const result = emptyRegion(gpu, 'result', 4);
    const body = 'let xx = x[id.x] * g[id.x]; result[id.x] = vec4f(xx.x, x[id.x].y, g[id.x].x, 0.0);';
    const bindings = [reads('g', memory, type), reads('x', memory, type), writes('result', result, type)];
    const dispatch = launch(body, bindings, { workgroups: [1, 1, 1] });
    expect([...(await runAndRead(gpu, [dispatch], result))]).toEqual([1, 2, 1, 0]);
  });

  it('may be read as two types where nothing in its buffer is written', async () => {
    const memory = uploaded(gpu, 'memory', [1, 2, 3, 4]);
    const result = emptyRegion(gpu, 'result', 4);
    const bindings = [
      reads('quads', memory, 'array<vec4f>'),
      reads('numbers', memory),
      writes('result', result),
    ];
    const dispatch = launch('result[id.x] = quads[0].y * numbers[id.x];', bindings);
    expect([...(await runAndRead(gpu, [dispatch], result))]).toEqual([2, 4, 6, 8]);
  });

  it('may not be read and written at once', async () => {
    const x = uploaded(gpu, 'x', [1, 2, 3, 4]);
    const dispatch = launch('b[id.x] = a[3u - id.x];', [reads('a', x), writes('b', x)]);
    await expect(record(gpu, [dispatch])).rejects.toThrow('test binds a and b on the same memory');
  });
});

describe('what the adapter does not allow is refused by name', () => {
  it('workgroups', async () => {
    const most = gpu.device.limits.maxComputeWorkgroupsPerDimension;
    const dispatch = launch('r[id.x] = 0.0;', [writes('r', emptyRegion(gpu, 'r', 4))], {
      workgroups: [most + 1, 1, 1],
    });
    await expect(record(gpu, [dispatch])).rejects.toThrow(`test needs ${most + 1} x 1 x 1 workgroups`);
  });

  it('an empty grid', async () => {
    const dispatch = launch('r[id.x] = 0.0;', [writes('r', emptyRegion(gpu, 'r', 4))], {
      workgroups: [1, 0, 1],
    });
    await expect(record(gpu, [dispatch])).rejects.toThrow('test needs 1 x 0 x 1 workgroups');
  });

  it('bindings', async () => {
    const limit = gpu.device.limits.maxStorageBuffersPerShaderStage;
    const bindings = Array.from({ length: limit + 1 }, (_, i) =>
      reads(`x${i}`, emptyRegion(gpu, `x${i}`, 4)),
    );
    await expect(record(gpu, [launch('', bindings)])).rejects.toThrow(
      `test binds ${limit + 1} storage buffers; this adapter allows ${limit}`,
    );
  });

  it('more bytes in one binding', async () => {
    const most = gpu.device.limits.maxStorageBufferBindingSize;
    const large = new Region('the table', most + 2 ** 20);
    large.locate(emptyRegion(gpu, 'x', 4).buffer, 0);
    const dispatch = launch('r[id.x] = x[id.x];', [reads('x', large), writes('r', emptyRegion(gpu, 'r', 4))]);
    const [needed, allowed] = [most + 2 ** 20, most].map((bytes) => Math.ceil(bytes / 2 ** 20));
    await expect(record(gpu, [dispatch])).rejects.toThrow(
      `test binds ${needed} MiB of the table; this adapter allows ${allowed} MiB in one binding`,
    );
  });

  it('more parameters than a block holds', async () => {
    const params = { type: 'array<vec4<u32>, 17>', data: new Uint32Array(68) };
    const dispatch = launch('r[id.x] = 0.0;', [writes('r', emptyRegion(gpu, 'r', 4))], { params });
    await expect(record(gpu, [dispatch])).rejects.toThrow('test has 272 bytes of parameters; at most 256');
  });
});

it('refuses memory whose place is not planned yet', async () => {
  const dispatch = launch('r[id.x] = 0.0;', [writes('r', new Region('nowhere', 16))]);
  await expect(record(gpu, [dispatch])).rejects.toThrow('region nowhere was used before memory was planned');
});
