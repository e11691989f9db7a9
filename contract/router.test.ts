import { describe, expect, it } from 'vitest';
import { runSpecSchema } from './run-spec.ts';
import { createRouter, type Services } from './router.ts';

const context = { client: 'test' };
const unused = () => {
  throw new Error('not part of this test');
};

function services(overrides: Partial<Services>): Services {
  return {
    'app.info': unused,
    'settings.get': unused,
    'settings.set': unused,
    'kernels.read': unused,
    'kernels.keep': unused,
    'comparisons.create': unused,
    'comparisons.list': unused,
    'runs.list': unused,
    'runs.get': unused,
    'runs.series': unused,
    'runs.start': unused,
    'runs.append': unused,
    'runs.finish': unused,
    'runs.rename': unused,
    'runs.trash': unused,
    'runs.emptyTrash': unused,
    'export.create': unused,
    'datasets.list': unused,
    'datasets.get': unused,
    'datasets.sample': unused,
    'datasets.open': unused,
    'datasets.read': unused,
    'datasets.rename': unused,
    'datasets.tag': unused,
    'datasets.trash': unused,
    'datasets.emptyTrash': unused,
    'weights.keep': unused,
    'weights.open': unused,
    'weights.total': unused,
    'weights.read': unused,
    'weights.take': unused,
    'weights.describe': unused,
    'imports.open': unused,
    'imports.fetch': unused,
    'imports.preview': unused,
    'imports.run': unused,
    'imports.cancel': unused,
    'imports.discard': unused,
    ...overrides,
  };
}

describe('createRouter', () => {
  it('fills defaults in before the service sees the input', async () => {
    const seen: unknown[] = [];
    const router = createRouter(services({ 'runs.list': (input) => (seen.push(input), []) }));
    await router.handle('runs.list', {}, context);
    expect(seen).toEqual([{ trashed: false }]);
  });

  it.each(['runs.steal', 'toString', '__proto__'])('answers %s with the names there are', async (name) => {
    const router = createRouter(services({}));
    await expect(router.handle(name, {}, context)).rejects.toMatchObject({
      code: 'invalid',
      message: expect.stringContaining('runs.list'),
    });
  });

  it('names the field that is wrong and does not call the service', async () => {
    const router = createRouter(services({}));
    await expect(router.handle('runs.rename', { id: 'a', name: 3 }, context)).rejects.toMatchObject({
      code: 'invalid',
      message: expect.stringMatching(/^name: /),
    });
  });

  it('calls a failed check inside a service a defect, not bad input', async () => {
    const router = createRouter(services({ 'comparisons.list': () => [runSpecSchema.parse({})] as never }));
    await expect(router.handle('comparisons.list', {}, context)).rejects.toMatchObject({ code: 'internal' });
  });

  it('holds services to the contract where asked to', async () => {
    const router = createRouter(services({ 'comparisons.list': () => [{ id: 1 }] as never }), {
      checkOutputs: true,
    });
    await expect(router.handle('comparisons.list', {}, context)).rejects.toMatchObject({
      code: 'internal',
      message: expect.stringContaining('comparisons.list breaks the contract: 0.id'),
    });
  });
});
