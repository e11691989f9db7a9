/**
 * Every action that has a key or a line in the palette, in one list: the key handler, the palette and the sheet of
 * keys read the same entries, so what is shown beside an action is what triggers it.
 */
import { untrack } from 'svelte';

export interface Command {
  id: string;
  label: string;
  /** Heading in the palette and in the sheet of keys. */
  section: string;
  /** One key as in `KeyboardEvent.key`, lower case, with `ctrl+` in front where needed. `ctrl` also means Command. */
  key?: string;
  /** How the key is written for people where it differs from `key`. */
  keyLabel?: string;
  /** Left out of the palette, e.g. movement keys. */
  keyOnly?: boolean;
  /** Answers false when there was nothing to do; the key then keeps its usual meaning. */
  run: () => unknown;
}

export class Commands {
  #lists = $state.raw<readonly (readonly Command[])[]>([]);

  /** Later lists win over earlier ones where keys collide, so a page may take over a key. */
  readonly all = $derived(this.#lists.flat());

  /** Adds commands; the answer takes them away again (made for `$effect`). */
  register(commands: readonly Command[]): () => void {
    // Untracked: the effect that registers must not run again because the list has changed.
    untrack(() => {
      this.#lists = [...this.#lists, commands];
    });
    return () => {
      this.#lists = untrack(() => this.#lists).filter((list) => list !== commands);
    };
  }

  handle(event: KeyboardEvent): void {
    if (event.defaultPrevented || event.altKey || event.isComposing) return;
    const ctrl = event.ctrlKey || event.metaKey;
    if (!ctrl && (isTyping(event.target) || isInOverlay(event.target))) return;
    if (ctrl && event.key.toLowerCase() === 'z' && isTyping(event.target)) return;
    const pressed = (ctrl ? 'ctrl+' : '') + event.key.toLowerCase();
    const command = this.all.findLast((candidate) => candidate.key === pressed);
    if (!command) return;
    if (pressed === ' ' && isButton(event.target)) return;
    if (pressed === 'enter' && isActivatable(event.target)) return;
    if (command.run() !== false) event.preventDefault();
  }
}

/** How a key is written beside its action: `Ctrl K`, `J`, `Space`. */
export function keyLabel(command: Command): string {
  if (command.keyLabel) return command.keyLabel;
  const key = command.key ?? '';
  const name = key.replace('ctrl+', '');
  const shown = name === ' ' ? 'Space' : name.slice(0, 1).toUpperCase() + name.slice(1);
  return key.startsWith('ctrl+') ? `Ctrl ${shown}` : shown;
}

function isTyping(target: EventTarget | null): boolean {
  if (target instanceof HTMLInputElement)
    return !['checkbox', 'radio', 'button', 'range'].includes(target.type);
  return (
    target instanceof HTMLTextAreaElement ||
    target instanceof HTMLSelectElement ||
    (target instanceof HTMLElement && target.isContentEditable)
  );
}

function isInOverlay(target: EventTarget | null): boolean {
  return target instanceof Element && target.closest('[role="dialog"], [role="menu"], dialog') !== null;
}

function isButton(target: EventTarget | null): boolean {
  return target instanceof HTMLButtonElement || target instanceof HTMLInputElement;
}

function isActivatable(target: EventTarget | null): boolean {
  return target instanceof HTMLButtonElement || target instanceof HTMLAnchorElement;
}
