/**
 * Which colour and dash a group has. A group takes the next free slot of `--c1` to `--c8` when it is first shown and
 * keeps it, on every page and after a restart. When all eight are taken, a new group borrows the lowest slot that the
 * groups shown beside it do not use; a ninth group on one page is grey.
 */
import {
  assignSlots,
  encodeGroups,
  type EncodedGroup,
  type Encoding,
} from '../../training/charts/encoding.ts';
import type { SettingsStore } from './settings.svelte.ts';

export class GroupColours {
  #settings: SettingsStore;

  constructor(settings: SettingsStore) {
    this.#settings = settings;
  }

  /** The slots given out so far, by group hash: what `encodeGroups` takes. */
  get given(): ReadonlyMap<string, number> {
    return new Map(Object.entries(this.#settings.value.groupSlots));
  }

  /** Gives each of these groups its slot for good. Call it with the groups shown together, in order of creation. */
  claim(hashes: readonly string[]): void {
    if (!this.#settings.loaded) return;
    const before = this.given;
    const fresh = freshSlots(hashes, before);
    if (fresh.size === 0) return;
    void this.#settings.set({ groupSlots: Object.fromEntries([...before, ...fresh]) });
  }

  /** As `encode`, for groups that are only planned: those without a slot are shown in the one they would get. */
  preview(groups: readonly EncodedGroup[]): Map<string, Encoding> {
    const fresh = freshSlots(
      groups.map((group) => group.hash),
      this.given,
    );
    return encodeGroups(groups, new Map([...this.given, ...fresh]));
  }

  /** Colour and dash of groups that are on screen together. */
  encode(groups: readonly EncodedGroup[]): Map<string, Encoding> {
    return encodeGroups(groups, this.given);
  }
}

/** Slots for those of `hashes` that have none: one nobody has where possible, else one nobody beside them has. */
export function freshSlots(
  hashes: readonly string[],
  given: ReadonlyMap<string, number>,
): Map<string, number> {
  const missing = [...new Set(hashes)].filter((hash) => !given.has(hash));
  const everyone = assignSlots([...given.keys(), ...missing], given);
  const beside = assignSlots(hashes, given);
  const slots = missing.map((hash) => [hash, everyone.get(hash) ?? beside.get(hash) ?? null] as const);
  return new Map(slots.filter((entry): entry is [string, number] => entry[1] !== null));
}
