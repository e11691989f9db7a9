/**
 * Short messages at the corner, and undo. What can be undone acts at once and leaves a toast for eight seconds; after
 * it has gone, Ctrl Z still takes the last action back.
 */
import { KronlabError } from '../../contract/errors.ts';

export interface Toast {
  id: number;
  text: string;
  tone: 'plain' | 'bad';
  undo: (() => void) | null;
}

const VISIBLE_MS = 8000;
const UNDO_DEPTH = 20;

export class Toasts {
  #next = 1;
  #timers = new Map<number, ReturnType<typeof setTimeout>>();
  #undoStack: { toastId: number; undo: () => Promise<void> }[] = [];
  items = $state.raw<readonly Toast[]>([]);

  say(text: string): void {
    this.#add(text, 'plain', null);
  }

  /** An error as one sentence. Anything thrown may be passed. */
  fail(error: unknown): void {
    this.#add(KronlabError.from(error).message, 'bad', null);
  }

  /** Tells what was done and keeps `undo` for the toast's button and for Ctrl Z. */
  done(text: string, undo: () => Promise<void>): void {
    const id = this.#next;
    this.#undoStack.push({ toastId: id, undo });
    if (this.#undoStack.length > UNDO_DEPTH) this.#undoStack.shift();
    this.#add(text, 'plain', () => void this.#undoWhere((entry) => entry.toastId === id));
  }

  /** Takes back the last action; false when there is none. */
  undoLast(): boolean {
    if (this.#undoStack.length === 0) return false;
    const last = this.#undoStack.at(-1);
    void this.#undoWhere((entry) => entry === last);
    return true;
  }

  /** A toast stays while it is pointed at or focused. */
  hold(id: number): void {
    clearTimeout(this.#timers.get(id));
    this.#timers.delete(id);
  }

  release(id: number): void {
    this.hold(id);
    this.#timers.set(
      id,
      setTimeout(() => this.dismiss(id), VISIBLE_MS),
    );
  }

  dismiss(id: number): void {
    this.hold(id);
    this.items = this.items.filter((toast) => toast.id !== id);
  }

  #add(text: string, tone: Toast['tone'], undo: Toast['undo']): void {
    const id = this.#next;
    this.#next += 1;
    this.items = [...this.items.slice(-3), { id, text, tone, undo }];
    this.release(id);
  }

  async #undoWhere(
    matches: (entry: { toastId: number; undo: () => Promise<void> }) => boolean,
  ): Promise<void> {
    const index = this.#undoStack.findIndex(matches);
    const [entry] = index < 0 ? [] : this.#undoStack.splice(index, 1);
    if (!entry) return;
    this.dismiss(entry.toastId);
    try {
      await entry.undo();
    } catch (error) {
      this.fail(error);
    }
  }
}
