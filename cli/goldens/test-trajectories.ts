/**
 * Makes trajectories of any net of linear layers and length for the tests, in float64 and without the engine: the update rules
 * of `goldens/README.md` over gradients and factors that `test-reference.ts` makes anew at the parameters of every step.
 */
import { chainFixture, type ChainSize } from './test-nets.ts';
import { precondition, values, type Values } from './test-reference.ts';

interface KfacConfig {
  approx: 'expand' | 'reduce';
  fisher: 'type2' | 'empirical';
  damping_rule: 'separate' | 'sqrt' | 'pi' | 'eigen';
  ema_beta: number;
  ema_start: 'first' | 'zero_bias_corrected';
  momentum: number;
  lr: number;
}

interface Evaluated {
  name: string;
  loss: number;
  layers: { name: string; d_in: number }[];
  params: Record<string, Values>;
  grads: Record<string, Values>;
  wgrad: Record<string, Values>;
  factors: Record<'expand' | 'reduce', Record<string, { A: Values; G: Record<string, Values> }>>;
}

export interface MadeTrajectories {
  net: string;
  trajectories: string;
}

/** A net and runs on it of so many steps: SGD with momentum, and K-FAC by the configurations given. */
export function makeTrajectories(
  size: ChainSize,
  steps: number,
  configs: Record<string, KfacConfig>,
): MadeTrajectories {
  const evaluate = (params?: Record<string, Values>) =>
    JSON.parse(chainFixture(params ? { ...size, params } : size), revive) as Evaluated;
  const start = evaluate();
  const runs = mapped(configs, (config) => kfacRun(evaluate, config, steps));
  const sgd = sgdRun(evaluate, steps);
  return {
    net: JSON.stringify(start, plain),
    trajectories: JSON.stringify(
      {
        ...{ name: 'made for a test', format: 1, description: 'made for a test', net: start.name, steps },
        runs: { 'first order': sgd, ...runs },
      },
      plain,
    ),
  };
}

type Evaluate = (params?: Record<string, Values>) => Evaluated;

function sgdRun(evaluate: Evaluate, count: number): object {
  const config = { lr: 0.07, momentum: 0.8, dampening: 0, nesterov: false, weight_decay: 0 };
  let now = evaluate();
  let buffers = mapped(now.grads, (gradient) => combined(gradient, 0, gradient, 0));
  const steps = Array.from({ length: count }, () => {
    buffers = mapped(buffers, (buffer, name) => combined(buffer, config.momentum, now.grads[name]!, 1));
    const params = mapped(now.params, (value, name) => combined(value, 1, buffers[name]!, -config.lr));
    const step = { loss_before: now.loss, params };
    now = evaluate(params);
    return step;
  });
  return { config, steps, final_loss: now.loss };
}

function kfacRun(evaluate: Evaluate, config: KfacConfig, count: number): object {
  const { approx, fisher, damping_rule, ema_beta, ema_start, momentum, lr } = config;
  let now = evaluate();
  let sums: { A: Record<string, Values>; G: Record<string, Values> } | null = null;
  let velocity: Record<string, Values> | null = null;
  const steps = Array.from({ length: count }, (_, k) => {
    const fresh = {
      A: mapped(now.factors[approx], ({ A }) => A),
      G: mapped(now.factors[approx], ({ G }) => G[fisher]!),
    };
    const before = sums;
    const average = (side: 'A' | 'G') =>
      mapped(fresh[side], (value, name) => {
        if (before) return combined(before[side][name]!, ema_beta, value, 1 - ema_beta);
        return ema_start === 'first' ? value : combined(value, 1 - ema_beta, value, 0);
      });
    sums = { A: average('A'), G: average('G') };
    const correction = ema_start === 'first' ? 1 : 1 / (1 - ema_beta ** (k + 1));
    const [A, G] = [sums.A, sums.G].map((side) =>
      mapped(side, (value) => combined(value, correction, value, 0)),
    );
    const precond = mapped(
      now.wgrad,
      (D, name) => precondition(D, A![name]!, G![name]!)[damping_rule] as Values,
    );
    const old = velocity;
    velocity = mapped(precond, (P, name) => (old ? combined(old[name]!, momentum, P, 1) : P));
    const params = mapped(now.params, (value, name) => moved(value, name, velocity!, lr));
    const step = { loss_before: now.loss, params, A, G, precond, velocity };
    now = evaluate(params);
    return step;
  });
  return { config: { ...config, damping: 1e-3 }, steps, final_loss: now.loss };
}

/** A weight or a bias of a layer less `lr` times its columns of the layer's velocity. */
function moved(value: Values, name: string, velocity: Record<string, Values>, lr: number): Values {
  const [, layer = '', part] = /^(.*)\.(weight|bias)$/.exec(name) ?? [];
  const { shape, data } = velocity[layer]!;
  const width = shape[1]!;
  const columns = part === 'weight' ? value.shape[1]! : 1;
  const first = part === 'weight' ? 0 : width - 1;
  return values(
    value.shape,
    value.data.map((x, i) => x - lr * data[Math.floor(i / columns) * width + first + (i % columns)]!),
  );
}

function combined(a: Values, ofA: number, b: Values, ofB: number): Values {
  return values(
    a.shape,
    a.data.map((x, i) => ofA * x + ofB * b.data[i]!),
  );
}

function mapped<T, U>(record: Record<string, T>, make: (value: T, name: string) => U): Record<string, U> {
  return Object.fromEntries(Object.entries(record).map(([name, value]) => [name, make(value, name)]));
}

const plain = (_: string, value: unknown) => (value instanceof Float64Array ? [...value] : value);

const revive = (key: string, value: unknown) =>
  key === 'data' && Array.isArray(value) ? Float64Array.from(value as number[]) : value;
