/**
 * How far the rounding of f32 alone takes a K-FAC run from its float64 fixture: every preconditioned gradient is as uncertain
 * as `conditioning.ts` says of its factors and its damping, velocities add that up, and parameters the velocities. With
 * singular factors and little damping that is more than any fixed tolerance. All of it is taken from the fixture. What a
 * changed start makes of later steps is another matter (`sensitivity.ts`).
 */
import type { KfacTrajectory, LayerSpec, NetFixture, Tensor } from '../../goldens/fixture.ts';
import { sumOfMagnitudes } from './conditioning.ts';
import { pairError } from './damped-error.ts';

export class RunRounding {
  private readonly run: KfacTrajectory;
  private readonly layers: readonly { spec: LayerSpec; terms: Float64Array; rows: number }[];
  private readonly bounds = new Map<string, number>();

  /** `net`: the fixture the run starts from, whose gradients are taken for the size of those of all steps. */
  constructor(net: NetFixture, run: KfacTrajectory) {
    this.run = run;
    this.layers = net.layers.flatMap((spec) => {
      const io = net.layer_io[spec.name];
      if (!io) return [];
      return [{ spec, terms: sumOfMagnitudes(io.a, io.g, spec.bias), rows: io.g.data.length / spec.d_out }];
    });
  }

  /** Takes in step k, counted from 1; steps come in order. */
  advance(k: number): void {
    const step = this.run.steps[k - 1];
    const { damping, damping_rule, momentum, lr } = this.run.config;
    if (!step) return;
    for (const { spec, terms, rows } of this.layers) {
      const { name } = spec;
      const [A, G, P] = [step.A[name], step.G[name], step.precond[name]];
      if (!A || !G || !P) continue;
      const pi = Math.sqrt(meanDiagonal(A) / meanDiagonal(G));
      const fresh = pairError({ A, G, P, terms }, { rule: damping_rule, lambda: damping, pi }, rows);
      const velocity = momentum * this.bound('velocity', name) + fresh;
      this.bounds.set(`precond.${name}`, fresh);
      this.bounds.set(`velocity.${name}`, velocity);
      for (const parameter of [`${name}.weight`, `${name}.bias`]) {
        this.bounds.set(`params.${parameter}`, this.bound('params', parameter) + lr * velocity);
      }
    }
  }

  /** The largest error that rounding explains, in the array's own units; 0 where none is granted. */
  bound(key: string, name: string): number {
    return this.bounds.get(`${key}.${name}`) ?? 0;
  }
}

function meanDiagonal({ shape, data }: Tensor): number {
  const side = shape[0] ?? 1;
  let sum = 0;
  for (let i = 0; i < side; i++) sum += data[i * (side + 1)] ?? Number.NaN;
  return sum / side;
}
