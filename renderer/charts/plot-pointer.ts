/**
 * Pointer and keys on the ground of a chart: the crosshair follows, a drag zooms x, a double click or `0` shows all,
 * Ctrl and the wheel zoom at the pointer. An attachment, so that the chart's markup stays about drawing.
 */
import type { Attachment } from 'svelte/attachments';
import type { ChartLayout } from '../../training/charts/layout.ts';
import type { Domain } from '../../training/charts/scales.ts';

export interface PlotPointerOptions {
  layout: () => ChartLayout | null;
  /** The crosshair's x, null when it is hidden. */
  crosshair: () => number | null;
  moveCrosshair: (x: number | null) => void;
  /** Arrow keys: so many stops on. */
  stepCrosshair: (stops: number) => void;
  /** The stretch being dragged, in px. */
  select: (range: { from: number; to: number } | null) => void;
  zoom: (domain: Domain | null) => void;
}

/** Movement in px below which a press is a click and not a drag. */
const DRAG_THRESHOLD = 4;

export function attachPlotPointer(options: PlotPointerOptions): Attachment<HTMLElement> {
  return (node) => {
    node.tabIndex = 0;
    let dragFrom: number | null = null;

    const positionOf = (event: MouseEvent) => event.clientX - node.getBoundingClientRect().left;
    const insidePlot = (layout: ChartLayout, x: number) => x >= layout.plot.left && x <= layout.plot.right;
    const clampToPlot = (layout: ChartLayout, x: number) =>
      Math.min(layout.plot.right, Math.max(layout.plot.left, x));

    const onMove = (event: PointerEvent) => {
      const layout = options.layout();
      if (!layout) return;
      const x = positionOf(event);
      if (dragFrom !== null) {
        const to = clampToPlot(layout, x);
        options.select(
          Math.abs(to - dragFrom) > DRAG_THRESHOLD
            ? { from: Math.min(dragFrom, to), to: Math.max(dragFrom, to) }
            : null,
        );
        return;
      }
      options.moveCrosshair(insidePlot(layout, x) ? layout.x.invert(x) : null);
    };
    const onDown = (event: PointerEvent) => {
      const layout = options.layout();
      const x = positionOf(event);
      if (!layout || event.button !== 0 || !insidePlot(layout, x)) return;
      dragFrom = x;
      node.setPointerCapture(event.pointerId);
    };
    const onUp = (event: PointerEvent) => {
      const layout = options.layout();
      const from = dragFrom;
      dragFrom = null;
      options.select(null);
      if (!layout || from === null) return;
      const to = clampToPlot(layout, positionOf(event));
      if (Math.abs(to - from) > DRAG_THRESHOLD)
        options.zoom(ordered(layout.x.invert(from), layout.x.invert(to)));
    };
    const onCancel = () => {
      dragFrom = null;
      options.select(null);
    };
    const onLeave = () => {
      if (dragFrom === null) options.moveCrosshair(null);
    };
    const onDoubleClick = () => options.zoom(null);
    const onWheel = (event: WheelEvent) => {
      const layout = options.layout();
      if (!layout || !(event.ctrlKey || event.metaKey)) return;
      event.preventDefault();
      const centre = layout.x.invert(clampToPlot(layout, positionOf(event)));
      const factor = Math.exp(Math.max(-0.5, Math.min(0.5, event.deltaY / 200)));
      const [low, high] = layout.x.domain;
      options.zoom([Math.max(0, centre - (centre - low) * factor), centre + (high - centre) * factor]);
    };
    const onKey = (event: KeyboardEvent) => {
      if (event.target !== node || event.altKey || event.ctrlKey || event.metaKey) return;
      const moves: Record<string, number> = { ArrowLeft: -1, ArrowRight: 1, Home: -Infinity, End: Infinity };
      const stops = moves[event.key];
      if (stops !== undefined) options.stepCrosshair(stops * (event.shiftKey ? 10 : 1));
      else if (event.key === '0') options.zoom(null);
      else if (event.key === 'Escape' && options.crosshair() !== null) options.moveCrosshair(null);
      else return;
      event.preventDefault();
      event.stopPropagation();
    };
    const onBlur = () => options.moveCrosshair(null);

    const listening = new AbortController();
    const { signal } = listening;
    node.addEventListener('pointermove', onMove, { signal });
    node.addEventListener('pointerdown', onDown, { signal });
    node.addEventListener('pointerup', onUp, { signal });
    node.addEventListener('pointercancel', onCancel, { signal });
    node.addEventListener('pointerleave', onLeave, { signal });
    node.addEventListener('dblclick', onDoubleClick, { signal });
    node.addEventListener('wheel', onWheel, { signal, passive: false });
    node.addEventListener('keydown', onKey, { signal });
    node.addEventListener('blur', onBlur, { signal });
    return () => listening.abort();
  };
}

function ordered(a: number, b: number): Domain {
  return a < b ? [a, b] : [b, a];
}
