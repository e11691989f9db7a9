/** Licence and origin of public sets that are not part of the lab, known by their content whatever file they came from. */

export interface KnownSet {
  licence: string;
  origin: string;
}

const knownSets: Readonly<Record<string, KnownSet>> = {
  '602aed4d50ad5899b3b962ab6522296426c626757700163c3c57428711965030': {
    licence: 'MIT',
    origin:
      'H. Xiao, K. Rasul and R. Vollgraf, Fashion-MNIST: a Novel Image Dataset for Benchmarking Machine Learning ' +
      'Algorithms, arXiv 1708.07747, 2017; copyright Zalando SE',
  },
};

/** @param hash of the content, see `contentHash` */
export function knownSet(hash: string): KnownSet | null {
  return knownSets[hash] ?? null;
}
