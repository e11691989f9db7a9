/** Drag, keys and typed numbers for the target line: everything that turns input into a new target. */
import type { Attachment } from 'svelte/attachments';

/** What a chart needs to make its target line a slider. */
export interface TargetControl {
  /** Id of the slider, so that a key of the page can focus it. */
  id: string;
  /** Accessible name, e.g. `Target validation accuracy`. */
  label: string;
  /** One arrow key; Page Up and Page Down move five of them. */
  step: number;
  onchange: (value: number) => void;
}

export interface SliderOptions {
  value: () => number;
  step: () => number;
  /** Value at a y position in px from the top of the chart's svg. */
  valueAt: (position: number) => number;
  onchange: (value: number) => void;
  /** The digits typed so far; empty when there are none. */
  ontype: (text: string) => void;
}

/** Steps per key; typing a number and Enter sets it, Escape forgets it. */
export function attachSlider(options: SliderOptions): Attachment<SVGGElement> {
  return (node) => {
    let typed = '';
    const type = (text: string) => options.ontype((typed = text));
    const move = (event: PointerEvent) => {
      const box = node.ownerSVGElement?.getBoundingClientRect();
      if (box) options.onchange(options.valueAt(event.clientY - box.top));
    };
    const release = (event: PointerEvent) => {
      if (node.hasPointerCapture(event.pointerId)) node.releasePointerCapture(event.pointerId);
      node.removeEventListener('pointermove', move);
    };
    const grab = (event: PointerEvent) => {
      if (event.button !== 0) return;
      event.preventDefault();
      event.stopPropagation();
      node.focus({ preventScroll: true });
      node.setPointerCapture(event.pointerId);
      node.addEventListener('pointermove', move);
    };
    const key = (event: KeyboardEvent) => {
      const moves: Record<string, number> = {
        ArrowUp: 1,
        ArrowRight: 1,
        ArrowDown: -1,
        ArrowLeft: -1,
        PageUp: 5,
        PageDown: -5,
      };
      const steps = moves[event.key];
      if (event.ctrlKey || event.metaKey || event.altKey) return;
      if (steps !== undefined) options.onchange(options.value() + steps * options.step());
      else if (/^[\d.]$/.test(event.key) || (typed !== '' && /^[eE-]$/.test(event.key)))
        type(typed + event.key);
      else if (event.key === 'Backspace' && typed !== '') type(typed.slice(0, -1));
      else if (event.key === 'Enter' && typed !== '') commit();
      else if (event.key === 'Escape' && typed !== '') type('');
      else return;
      event.preventDefault();
      event.stopPropagation();
    };
    const commit = () => {
      const value = typed.trim() === '' ? NaN : Number(typed);
      type('');
      if (Number.isFinite(value)) options.onchange(value);
    };
    node.addEventListener('pointerdown', grab);
    node.addEventListener('pointerup', release);
    node.addEventListener('pointercancel', release);
    node.addEventListener('keydown', key);
    node.addEventListener('blur', commit);
    return () => {
      node.removeEventListener('pointerdown', grab);
      node.removeEventListener('pointerup', release);
      node.removeEventListener('pointercancel', release);
      node.removeEventListener('pointermove', move);
      node.removeEventListener('keydown', key);
      node.removeEventListener('blur', commit);
    };
  };
}
