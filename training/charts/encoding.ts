/**
 * Which colour and which dash a group of runs wears. Colour is a slot (`--c1` ... `--c8`) that a group keeps; dash
 * tells the flavour as soon as both flavours are on screen, otherwise it only helps from the fifth group on.
 */
import { factorSettings } from '../../contract/optimizer-family.ts';
import type { RunSpec } from '../../contract/run-spec.ts';

/** Slots of the categorical palette, in order of assignment. More groups than slots are drawn grey. */
export const SLOT_COUNT = 8;

/** Dash patterns in rem (`[]`: solid); the same numbers as the `--dash-*` and `--c*-dash` design tokens. */
export const dashPatterns = {
  solid: [],
  'first-order': [0.0625, 0.2],
  expand: [],
  reduce: [0.4375, 0.1875],
  'slot-5': [0.4375, 0.1875, 0.09375, 0.1875],
  'slot-6': [0.25, 0.15625],
  'slot-7': [0.6875, 0.1875, 0.09375, 0.1875],
  'slot-8': [0.15625, 0.15625],
} as const satisfies Record<string, readonly number[]>;
export type Dash = keyof typeof dashPatterns;

export interface Encoding {
  /** 1 to 8, or null: grey, because every slot is taken. */
  slot: number | null;
  dash: Dash;
}

export interface EncodedGroup {
  hash: string;
  spec: RunSpec;
}

/** The CSS value of a dash: a token where there is one. */
export function dashStyle(dash: Dash): string {
  if (dash === 'solid') return 'none';
  if (dash === 'first-order' || dash === 'expand' || dash === 'reduce') return `var(--dash-${dash})`;
  return `var(--c${dash.slice('slot-'.length)}-dash)`;
}

/** The CSS colour of a slot; grey for groups without one. */
export function slotColor(slot: number | null): string {
  return slot === null ? 'var(--ink-4)' : `var(--c${slot})`;
}

/** Slots for groups that have none yet, each the next free one; those already given are kept. */
export function assignSlots(
  hashes: readonly string[],
  given: ReadonlyMap<string, number> = new Map(),
): Map<string, number | null> {
  const result = new Map<string, number | null>();
  const taken = new Set<number>();
  for (const hash of hashes) {
    const slot = given.get(hash);
    if (slot !== undefined) taken.add(slot);
  }
  for (const hash of hashes) {
    if (result.has(hash)) continue;
    let slot: number | null = given.get(hash) ?? null;
    for (let free = 1; slot === null && free <= SLOT_COUNT; free++) if (!taken.has(free)) slot = free;
    if (slot !== null) taken.add(slot);
    result.set(hash, slot);
  }
  return result;
}

/** Colour slot and dash of every group on screen together; dash depends on who else is there. */
export function encodeGroups(
  groups: readonly EncodedGroup[],
  given?: ReadonlyMap<string, number>,
): Map<string, Encoding> {
  const slots = assignSlots(
    groups.map((group) => group.hash),
    given,
  );
  const flavours = new Set(groups.map((group) => flavourOf(group.spec)));
  const byFlavour = flavours.has('expand') && flavours.has('reduce');
  return new Map(
    groups.map((group) => {
      const slot = slots.get(group.hash) ?? null;
      return [group.hash, { slot, dash: byFlavour ? flavourDash(group.spec) : slotDash(slot) }];
    }),
  );
}

/** What decides a group's dash: what has no factors A and G has no flavour and counts as first order. */
export function flavourOf(spec: RunSpec): 'first-order' | 'expand' | 'reduce' | 'auto' {
  return factorSettings(spec.optimizer)?.flavour ?? 'first-order';
}

function flavourDash(spec: RunSpec): Dash {
  const flavour = flavourOf(spec);
  return flavour === 'auto' ? 'slot-5' : flavour;
}

function slotDash(slot: number | null): Dash {
  switch (slot) {
    case 5:
      return 'slot-5';
    case 6:
      return 'slot-6';
    case 7:
      return 'slot-7';
    case 8:
      return 'slot-8';
    default:
      return 'solid';
  }
}
