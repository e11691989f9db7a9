/**
 * The WGSL by which kernels read and write tensors, with the elementwise operations that were moved there. All names
 * start with the name of the access, so that several accesses fit into one kernel.
 */
import type { Access, Binding } from '../../../gpu-kernels/dispatch.ts';
import type { Region } from '../../../gpu-kernels/region.ts';
import type { Resolve } from '../common-subexpressions.ts';
import { outputOf, size, type Node, type Tensor, type Unit } from '../graph.ts';
import { broadcastIndex, isInQuads } from './broadcast.ts';

/** What accesses need to know of the program around them. */
export interface AccessContext {
  resolve: Resolve;
  region(tensor: Tensor): Region;
  inlined: ReadonlyMap<Tensor, readonly Node[]>;
  isStored(tensor: Tensor): boolean;
}

/** What an expression calls an input: `a` to `z`, then `a1` and so on. */
export function operandName(index: number): string {
  const round = Math.floor(index / 26);
  return `${String.fromCharCode(97 + (index % 26))}${round || ''}`;
}

/** An access, and the operations that are computed in it as it reads. */
export interface FusedAccess extends Access {
  inlined: readonly Node[];
}

export function readAccess(context: AccessContext, name: string, tensor: Tensor, unit: Unit): FusedAccess {
  const writer = new AccessText(context, name);
  const load = writer.load(context.resolve(tensor), unit, `${name}_at`);
  if (load !== `${name}_at`) {
    const type = elementType(tensor, unit);
    writer.add(`fn ${name}_at(i: u32) -> ${type} { return ${load}(i); }`);
  }
  return writer.access;
}

export function valueAccess(context: AccessContext, name: string, node: Node, unit: Unit): FusedAccess {
  const writer = new AccessText(context, name);
  writer.evaluation([node], unit, `${name}_at`);
  return writer.access;
}

export function writeAccess(
  context: AccessContext,
  name: string,
  tensor: Tensor,
  unit: Unit,
  epilogue: readonly Node[],
): FusedAccess {
  const writer = new AccessText(context, name);
  writer.store(context.resolve(tensor), unit, epilogue, `${name}_set`);
  return writer.access;
}

/** WGSL's name of one number, or four, of a tensor. */
function elementType(tensor: Tensor, unit: Unit): string {
  if (unit === 1) return tensor.type;
  return tensor.type === 'f32' ? 'vec4f' : 'vec4u';
}

/** Collects functions and bindings of one access. */
class AccessText {
  private readonly context: AccessContext;
  private readonly prefix: string;
  private readonly parts: string[] = [];
  private readonly bindings = new Map<string, Binding>();
  private readonly functions = new Map<string, string>();
  private readonly inlined = new Set<Node>();

  constructor(context: AccessContext, prefix: string) {
    this.context = context;
    this.prefix = prefix;
  }

  get access(): FusedAccess {
    const bindings = [...this.bindings.values()];
    return { code: this.parts.join('\n'), bindings, inlined: [...this.inlined] };
  }

  add(code: string): void {
    this.parts.push(code);
  }

  /** The name of a function from an index to the numbers of a tensor; a new one takes `wanted` as its name. */
  load(root: Tensor, unit: Unit, wanted?: string): string {
    const key = `load ${root.id} ${unit}`;
    const known = this.functions.get(key);
    if (known) return known;
    const name = wanted ?? `${this.prefix}_load${this.functions.size}`;
    this.functions.set(key, name);
    const nodes = this.context.inlined.get(root);
    if (nodes) {
      for (const node of nodes) this.inlined.add(node);
      this.evaluation(nodes, unit, name);
    } else {
      const type = elementType(root, unit);
      const variable = this.bind(root, type, false, wanted !== undefined);
      this.add(`fn ${name}(i: u32) -> ${type} { return ${variable}[i]; }`);
    }
    return name;
  }

  /** Adds a function from an index to the numbers of the last node's output. */
  evaluation(nodes: readonly Node[], unit: Unit, name: string): void {
    if (unit === 4 && !nodes.every(canBeQuads)) {
      const one = `${name}_one`;
      this.evaluation(nodes, 1, one);
      const lanes = [0, 1, 2, 3].map((lane) => `${one}(4u * i + ${lane}u)`);
      this.add(`fn ${name}(i: u32) -> vec4f { return vec4f(${lanes.join(', ')}); }`);
      return;
    }
    const type = unit === 4 ? 'vec4f' : 'f32';
    const { lines, names } = this.statements(nodes, unit, new Map());
    const last = names.get(outputOf(nodes.at(-1) as Node));
    this.add(`fn ${name}(i: u32) -> ${type} {\n${lines.join('\n')}\n  return ${last};\n}`);
  }

  /** Adds a function that takes an output as it is computed, and stores it and what follows from it. */
  store(root: Tensor, unit: Unit, epilogue: readonly Node[], name: string): void {
    if (unit === 4 && !epilogue.every(canBeQuads)) {
      const one = `${name}_one`;
      this.store(root, 1, epilogue, one);
      const lanes = [0, 1, 2, 3].map((lane) => `  ${one}(4u * i + ${lane}u, value[${lane}]);`);
      this.add(`fn ${name}(i: u32, value: vec4f) {\n${lanes.join('\n')}\n}`);
      return;
    }
    const type = elementType(root, unit);
    const { lines, names } = this.statements(epilogue, unit, new Map([[root, 'value']]));
    const stores = [...names].flatMap(([tensor, variable]) =>
      this.context.isStored(tensor)
        ? [`  ${this.bind(tensor, elementType(tensor, unit), true, tensor === root)}[i] = ${variable};`]
        : [],
    );
    this.add(`fn ${name}(i: u32, value: ${type}) {\n${[...lines, ...stores].join('\n')}\n}`);
  }

  /** One `let` per node; `known` holds the variables of what is there already. */
  private statements(nodes: readonly Node[], unit: Unit, known: Map<Tensor, string>) {
    const names = new Map(known);
    const lines = nodes.map((node, k) => {
      const operands = node.inputs.map((input) => this.operand(node, input, unit, names));
      const line = `  let v${k} = ${this.functionOf(node, unit)}(${operands.join(', ')});`;
      names.set(outputOf(node), `v${k}`);
      return line;
    });
    return { lines, names };
  }

  private operand(node: Node, input: Tensor, unit: Unit, names: ReadonlyMap<Tensor, string>): string {
    const root = this.context.resolve(input);
    const out = outputOf(node).shape;
    const variable = names.get(root);
    if (variable !== undefined && size(root.shape) === size(out)) return variable;
    const isRepeated = unit === 4 && (input.shape.at(-1) ?? 1) !== (out.at(-1) ?? 1);
    const load = this.load(root, isRepeated ? 1 : unit);
    const number = `${load}(${broadcastIndex(out, input.shape, unit)})`;
    return isRepeated ? `vec4f(${number})` : number;
  }

  /** A function of the node's expression; nodes with the same one share it. */
  private functionOf(node: Node, unit: Unit): string {
    const expression = node.operation.pointwise?.(node) ?? '';
    const library = node.operation.pointwiseFunctions?.(node) ?? '';
    const key = `f ${unit} ${node.inputs.length} ${expression} ${library}`;
    const known = this.functions.get(key);
    if (known) return known;
    const name = `${this.prefix}_f${this.functions.size}`;
    this.functions.set(key, name);
    const arguments_ = node.inputs.map((_, i) => `${operandName(i)}: T`).join(', ');
    const code = `fn ${name}(${arguments_}) -> T { return ${expression}; }`;
    this.add(this.typed(code, library, unit));
    return name;
  }

  /** Puts in the type, and those functions of a library that the code calls, under names of this access. */
  private typed(code: string, library: string, unit: Unit): string {
    const calls = new RegExp(`\\b(${functionNames(library).join('|') || '(?!)'})\\(`, 'g');
    const named = code.replace(
      calls,
      (_, called: string) => `${this.libraryFunction(called, library, unit)}(`,
    );
    return named.replace(/\bT\b/g, unit === 4 ? 'vec4f' : 'f32');
  }

  /** The name under which this access has a function of a library. */
  private libraryFunction(called: string, library: string, unit: Unit): string {
    const key = `library ${unit} ${called} ${library}`;
    const known = this.functions.get(key);
    if (known) return known;
    const name = `${this.prefix}_${called}${this.functions.size}`;
    this.functions.set(key, name);
    const source = functionSource(called, library).replace(`fn ${called}(`, `fn ${name}(`);
    this.add(this.typed(source, library, unit));
    return name;
  }

  private bind(tensor: Tensor, type: string, write: boolean, isMain: boolean): string {
    const key = `${tensor.id} ${type} ${write}`;
    const known = this.bindings.get(key);
    if (known) return known.name;
    const name = this.bindings.size === 0 && isMain ? this.prefix : `${this.prefix}_${this.bindings.size}`;
    this.bindings.set(key, { name, type: `array<${type}>`, region: this.context.region(tensor), write });
    return name;
  }
}

function functionNames(library: string): string[] {
  return [...library.matchAll(/^fn (\w+)\(/gm)].map(([, name = '']) => name);
}

/** The text of one function; it ends with the first brace at the start of a line. */
function functionSource(name: string, library: string): string {
  const start = library.indexOf(`fn ${name}(`);
  return library.slice(start, library.indexOf('\n}', start) + 2);
}

function canBeQuads(node: Node): boolean {
  return isInQuads(
    outputOf(node).shape,
    node.inputs.map((input) => input.shape),
  );
}
