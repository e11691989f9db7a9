// @vitest-environment happy-dom
import { cleanup, render, screen } from '@testing-library/svelte';
import { createRawSnippet } from 'svelte';
import { afterEach, expect, test, vi } from 'vitest';
import Dialog from './Dialog.svelte';

afterEach(cleanup);

const children = createRawSnippet(() => ({ render: () => '<p>Text</p>' }));

test('tells when it is closed, but not once it has been taken away', () => {
  const onclose = vi.fn();
  const { unmount } = render(Dialog, { title: 'Keys', onclose, children });
  const dialog = screen.getByRole('dialog', { name: 'Keys' });
  dialog.dispatchEvent(new Event('close'));
  expect(onclose).toHaveBeenCalledTimes(1);
  // The platform sends `close` in a task of its own, when another dialog may be open.
  unmount();
  dialog.dispatchEvent(new Event('close'));
  expect(onclose).toHaveBeenCalledTimes(1);
});
