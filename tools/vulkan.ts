/**
 * Dawn in Node asks the Vulkan loader for drivers. A machine without a graphics card has none that work (or only
 * Mesa's, which differs from machine to machine), so there the SwiftShader that comes with Chromium is named: the
 * same adapter the browser uses, and the same numbers everywhere.
 */
import { existsSync, readdirSync } from 'node:fs';
import { join } from 'node:path';

/** Looks at the file system; replaced in tests. Lists the names in a folder, [] when there is no such folder. */
export type ListFolder = (folder: string) => string[];

const listFolder: ListFolder = (folder) => (existsSync(folder) ? readdirSync(folder) : []);

const swiftShaderFolders = [
  '/usr/lib/chromium',
  '/usr/lib/chromium-browser',
  '/opt/google/chrome',
  '/opt/microsoft/msedge',
  '/opt/brave.com/brave',
];

/**
 * Whether a graphics card with a Vulkan driver is there. A driver's manifest alone proves nothing (Mesa installs all
 * of its own), a device node alone has nobody to drive it. Only Linux needs the question.
 */
export function hasHardwareVulkan(list: ListFolder = listFolder): boolean {
  const manifests = ['/usr/share/vulkan/icd.d', '/etc/vulkan/icd.d', '/usr/local/share/vulkan/icd.d'].flatMap(
    list,
  );
  const device =
    list('/dev/dri').some((name) => name.startsWith('renderD')) ||
    list('/dev').some((name) => /^nvidia\d+$/.test(name) || name === 'dxg');
  return device && manifests.some((name) => name.endsWith('.json'));
}

/** The manifest of Chromium's SwiftShader, or null when no Chromium-family browser brought one. */
export function swiftShaderManifest(list: ListFolder = listFolder): string | null {
  const folder = swiftShaderFolders.find((candidate) => list(candidate).includes('vk_swiftshader_icd.json'));
  return folder === undefined ? null : join(folder, 'vk_swiftshader_icd.json');
}

/** Names the driver in `env` where it has to be named; a choice the user made already stands. */
export function chooseVulkanDriver(
  env: Record<string, string | undefined>,
  platform: NodeJS.Platform = process.platform,
  list: ListFolder = listFolder,
): void {
  if (platform !== 'linux' || env['VK_DRIVER_FILES'] || env['VK_ICD_FILENAMES'] || hasHardwareVulkan(list))
    return;
  const manifest = swiftShaderManifest(list);
  if (manifest !== null) env['VK_DRIVER_FILES'] = manifest;
}
