/**
 * Whether the arrays of a net fixture fit its layer table and its sizes. Without this a fixture with two arrays swapped
 * would show up as a wrong factor, and the engine would be searched for a fault of the file.
 */
import type { LayerSpec, NetFields } from './net.ts';
import { checkShape, sizeOf, type Report } from './tensor.ts';

export function checkNet(net: NetFields, report: Report): void {
  checkOutputs(net, report);
  checkGradients(net, report);
  for (const layer of net.layers) {
    checkLayerParams(net, layer, report);
    checkLayerRows(net, layer, report);
    checkFactors(net, layer, report);
    checkPreconditioned(net, layer, report);
  }
}

/** Width of the layer's input with the homogeneous coordinate, if it has one. */
function homogeneous(layer: LayerSpec): number {
  return layer.d_in + (layer.bias ? 1 : 0);
}

function checkOutputs(net: NetFields, report: Report): void {
  const { N, M, C, targets, mc_targets, loss_type } = net;
  const { shape } = net.forward.output;
  if (shape.at(-1) !== C || sizeOf(shape) !== M * C) {
    report(['forward', 'output'], `has shape [${shape.join()}]; expected M = ${M} rows of C = ${C} values`);
  }
  checkShape(targets, loss_type === 'ce' ? shape.slice(0, -1) : shape, ['targets'], report);
  checkShape(mc_targets, [mc_targets.shape[0] ?? 1, ...targets.shape], ['mc_targets'], report);
  if (loss_type === 'ce') {
    checkClasses(targets.data, C, 'targets', report);
    checkClasses(mc_targets.data, C, 'mc_targets', report);
  }
  if (M % N !== 0 && !net.layers.some((layer) => Array.isArray(layer.R))) {
    report(['M'], `is ${M}; expected a multiple of N = ${N}, as no layer has a list of R`);
  }
}

function checkClasses(labels: Float64Array, classes: number, key: string, report: Report): void {
  const wrong = labels.findIndex((label) => !Number.isInteger(label) || label < 0 || label >= classes);
  if (wrong < 0) return;
  report([key, 'data', `${wrong}`], `is ${labels[wrong]}; expected a whole number from 0 to ${classes - 1}`);
}

function checkGradients(net: NetFields, report: Report): void {
  for (const [name, { shape }] of Object.entries(net.params)) {
    checkShape(net.grads[name], shape, ['grads', name], report);
  }
}

function checkLayerParams(net: NetFields, layer: LayerSpec, report: Report): void {
  const { name, d_in, d_out } = layer;
  const kernel = layer.type === 'conv2d' ? layer.kernel : [];
  const weight = [d_out, d_in / sizeOf(kernel), ...kernel];
  checkShape(net.params[`${name}.weight`], weight, ['params', `${name}.weight`], report);
  if (layer.bias) checkShape(net.params[`${name}.bias`], [d_out], ['params', `${name}.bias`], report);
  checkShape(net.wgrad[name], [d_out, homogeneous(layer)], ['wgrad', name], report);
}

function checkLayerRows(net: NetFields, layer: LayerSpec, report: Report): void {
  const { name, d_in, d_out, R } = layer;
  if (Array.isArray(R) && R.length !== net.N) {
    report(['layers', name, 'R'], `lists ${R.length} examples; expected N = ${net.N}`);
  }
  const rows = Array.isArray(R) ? [R.reduce((sum, r) => sum + r, 0)] : [net.N, R];
  checkShape(net.layer_io[name]?.a, [...rows, d_in], ['layer_io', name, 'a'], report);
  checkShape(net.layer_io[name]?.g, [...rows, d_out], ['layer_io', name, 'g'], report);
}

function checkFactors(net: NetFields, layer: LayerSpec, report: Report): void {
  const { name, d_out } = layer;
  const width = homogeneous(layer);
  for (const flavour of ['expand', 'reduce'] as const) {
    const factors = net.factors[flavour][name];
    const path = ['factors', flavour, name];
    checkShape(factors?.A, [width, width], [...path, 'A'], report);
    if (factors?.A_pergraph) checkShape(factors.A_pergraph, [width, width], [...path, 'A_pergraph'], report);
    for (const [kind, G] of Object.entries(factors?.G ?? {})) {
      checkShape(G, [d_out, d_out], [...path, 'G', kind], report);
    }
    if (factors && net.M !== net.N && !factors.G.type2_shared) {
      checkShape(undefined, [d_out, d_out], [...path, 'G', 'type2_shared'], report);
    }
  }
  const size = d_out * width;
  if (net.exact_ggn) checkShape(net.exact_ggn[name], [size, size], ['exact_ggn', name], report);
}

function checkPreconditioned(net: NetFields, layer: LayerSpec, report: Report): void {
  const shape = [layer.d_out, homogeneous(layer)];
  for (const flavour of ['expand', 'reduce'] as const) {
    for (const kind of ['type2', 'empirical'] as const) {
      const of = net.preconditioned[flavour][kind][layer.name];
      const path = ['preconditioned', flavour, kind, layer.name];
      checkShape(of?.separate, shape, [...path, 'separate'], report);
      checkShape(of?.sqrt, shape, [...path, 'sqrt'], report);
      checkShape(of?.eigen, shape, [...path, 'eigen'], report);
      if (of && of.pi_value !== null) checkShape(of.pi, shape, [...path, 'pi'], report);
    }
  }
}
