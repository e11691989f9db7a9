/**
 * Molecules as graphs, read by openchemlib: heavy atoms are nodes, bonds are edges in both directions, hydrogens are
 * counted at their atom. Aromatic bonds are neither single nor double, so that it does not matter in which of its
 * alternating forms a ring was drawn.
 */
import { Molecule } from 'openchemlib';
import { bothDirections, type Graph } from './graphs.ts';

const elements = ['C', 'N', 'O', 'F', 'P', 'S', 'Cl', 'Br', 'I'];

export const atomColumns: readonly string[] = [
  ...elements,
  'other element',
  'formal charge',
  'hydrogens',
  'neighbours',
  'aromatic',
  'in a ring',
];
export const bondColumns: readonly string[] = ['single', 'double', 'triple', 'aromatic', 'in a ring'];

/** Longer ones are no molecules that a data set is made of, and ring search takes long on them. */
const longestSmiles = 2000;
const mostAtoms = 1000;

/** The graph, or in one short sentence why there is none. */
export type MoleculeResult = { graph: Graph } | { problem: string };

export function graphOfSmiles(smiles: string): MoleculeResult {
  if (smiles.length > longestSmiles)
    return { problem: `its SMILES is longer than ${longestSmiles} characters` };
  return read('SMILES', () => Molecule.fromSmiles(smiles, { noCoordinates: true, noStereo: true }));
}

/** @param molfile a MOL block, V2000 or V3000, with its own line ends */
export function graphOfMolfile(molfile: string): MoleculeResult {
  // The counts line gives the size before the library makes room for it.
  const counts = /^.*\n.*\n.*\n\s*(\d{1,3})\s*(\d{1,3}).*V2000/.exec(molfile);
  if (counts !== null && Number(counts[1]) > mostAtoms)
    return { problem: `has more than ${mostAtoms} atoms` };
  return read('MOL block', () => Molecule.fromMolfile(molfile));
}

function read(what: string, parse: () => Molecule): MoleculeResult {
  let molecule: Molecule;
  try {
    molecule = parse();
    if (molecule.getAllAtoms() > mostAtoms) return { problem: `has more than ${mostAtoms} atoms` };
    molecule.ensureHelperArrays(Molecule.cHelperRings);
    return { graph: graphOf(molecule) };
  } catch {
    return { problem: `its ${what} cannot be read` };
  }
}

function graphOf(molecule: Molecule): Graph {
  // With helper arrays made, plain hydrogens stand behind the heavy atoms, and these keep their order.
  const atoms = molecule.getAtoms();
  const nodeFeatures = new Float32Array(atoms * atomColumns.length);
  for (let atom = 0; atom < atoms; atom += 1) {
    const element = elements.indexOf(molecule.getAtomLabel(atom));
    const at = atom * atomColumns.length;
    nodeFeatures[at + (element === -1 ? elements.length : element)] = 1;
    nodeFeatures.set(
      [
        molecule.getAtomCharge(atom),
        molecule.getAllHydrogens(atom),
        molecule.getConnAtoms(atom),
        Number(molecule.isAromaticAtom(atom)),
        Number(molecule.isRingAtom(atom)),
      ],
      at + elements.length + 1,
    );
  }
  const bonds = Array.from({ length: molecule.getBonds() }, (_, bond) => {
    const aromatic = molecule.isAromaticBond(bond) || molecule.isDelocalizedBond(bond);
    const order = molecule.getBondOrder(bond);
    return {
      ends: [molecule.getBondAtom(0, bond), molecule.getBondAtom(1, bond)] as const,
      features: [
        Number(!aromatic && order <= 1),
        Number(!aromatic && order === 2),
        Number(!aromatic && order >= 3),
        Number(aromatic),
        Number(molecule.isRingBond(bond)),
      ],
    };
  });
  return { nodes: atoms, nodeFeatures, ...bothDirections(bonds) };
}
