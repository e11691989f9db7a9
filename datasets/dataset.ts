/**
 * The shapes data takes on its way from a file to the training loop: raw examples as read, and examples split and
 * standardised. Every reader produces the first, everything that trains takes the second.
 */

/** Images with class labels, pixel values as in the file. */
export interface ImageDataset {
  id: string;
  name: string;
  kind: 'images';
  examples: number;
  channels: number;
  height: number;
  width: number;
  /** Names of the classes; a label is an index into them. */
  classes: string[];
  /** `[examples, channels, height, width]`, row-major. */
  images: Float32Array;
  /** `[examples]` */
  labels: Uint32Array;
}

/** One part of a split. */
export interface LabelledImages {
  count: number;
  /** `[count, channels, height, width]`, row-major. */
  images: Float32Array;
  /** `[count]` */
  labels: Uint32Array;
}

/** A data set ready for training: disjoint parts, standardised with the statistics of the training part. */
export interface PreparedDataset {
  id: string;
  name: string;
  channels: number;
  height: number;
  width: number;
  classes: string[];
  train: LabelledImages;
  validation: LabelledImages;
  /** `[channels]`, in the units of the file, over the training part only. */
  mean: number[];
  /** `[channels]`, population standard deviation; 1 where a channel is constant. */
  std: number[];
  /** One sentence for people: how many examples in which part, and how they were chosen. */
  splitDescription: string;
}

/** A data set the lab knows: what the UI shows of it before anything is read, and how its file is read. */
export interface DatasetEntry {
  id: string;
  name: string;
  /** Path below `datasets/bundled/`. */
  file: string;
  examples: number;
  channels: number;
  height: number;
  width: number;
  classes: readonly string[];
  licence: string;
  source: string;
  /** Parses the decompressed file; `file` is the name that errors give. Throws `KronlabError`. */
  parse(text: string, file: string): ImageDataset;
}
