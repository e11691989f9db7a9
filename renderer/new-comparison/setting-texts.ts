/** Settings as the texts that fields hold, and what each optimiser's settings are before anybody touches them. */
import { optimizerSpecSchema, type KfacSpec, type OptimizerSpec } from '../../contract/run-spec.ts';
import { formatLayerLines } from './layer-lines.ts';

export type OptimizerName = OptimizerSpec['name'];
export type SettingTexts = Record<string, string>;

type SettingValue = string | number | boolean | null | unknown[];

/** Null, a setting that is off, is an empty field. */
export function texts(record: object): SettingTexts {
  return Object.fromEntries(
    (Object.entries(record) as [string, SettingValue][]).map(([key, value]) => [key, textOf(key, value)]),
  );
}

function textOf(key: string, value: SettingValue): string {
  if (key === 'layers') return formatLayerLines(value as KfacSpec['layers']);
  if (Array.isArray(value)) return value.join(', ');
  if (value === null) return '';
  // 0.00001 has to be counted, 1e-5 is read.
  if (typeof value === 'number' && value !== 0 && Math.abs(value) < 1e-3) return value.toExponential();
  return String(value);
}

/** What the contract asks for and has no default of: where a new column starts. */
const start = { lr: 0.01, flavour: 'expand' } as const;

const ownDefaults = new Map(
  optimizerSpecSchema.options.map((schema): [OptimizerName, SettingTexts] => {
    const asked = Object.fromEntries(Object.entries(start).filter(([key]) => key in schema.shape));
    const { name, ...settings } = optimizerSpecSchema.parse({ name: schema.shape.name.value, ...asked });
    return [name, texts(settings)];
  }),
);
const everyDefault: SettingTexts = Object.fromEntries(
  [...ownDefaults.values()].flatMap((own) => Object.entries(own)),
);

/** Settings whose defaults differ between optimisers. */
export const ownKeys: readonly string[] = Object.keys(everyDefault).filter(
  (key) => new Set([...ownDefaults.values()].flatMap((own) => own[key] ?? [])).size > 1,
);

/** Texts of all settings that any optimiser has, as `optimizer` starts with them. */
export function defaultsOf(optimizer: OptimizerName): SettingTexts {
  return { ...everyDefault, ...ownDefaults.get(optimizer) };
}

/** The text of a setting that nobody touched; null where the contract has no default or the optimiser no such setting. */
export function defaultText(optimizer: OptimizerName, key: string): string | null {
  return key in start ? null : (ownDefaults.get(optimizer)?.[key] ?? null);
}
