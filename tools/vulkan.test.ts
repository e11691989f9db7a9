import { describe, expect, it } from 'vitest';
import { chooseVulkanDriver, hasHardwareVulkan, swiftShaderManifest, type ListFolder } from './vulkan.ts';

const folders =
  (tree: Record<string, string[]>): ListFolder =>
  (folder) =>
    tree[folder] ?? [];
const chromium = { '/usr/lib/chromium': ['chromium', 'vk_swiftshader_icd.json'] };
const mesa = { '/usr/share/vulkan/icd.d': ['lvp_icd.x86_64.json', 'radeon_icd.x86_64.json'] };
const card = { '/dev/dri': ['card0', 'renderD128'] };

describe('hasHardwareVulkan', () => {
  it.each([
    ['a card and a driver', { ...mesa, ...card }, true],
    [
      'an NVIDIA device and its driver',
      { '/etc/vulkan/icd.d': ['nvidia_icd.json'], '/dev': ['nvidia0', 'null'] },
      true,
    ],
    ['drivers without a card', mesa, false],
    ['a card without a driver', card, false],
    ['only the control node of a driver', { ...mesa, '/dev': ['nvidiactl'] }, false],
    ['nothing', {}, false],
  ])('given %s', (_what, tree, expected) => {
    expect(hasHardwareVulkan(folders(tree))).toBe(expected);
  });
});

describe('chooseVulkanDriver', () => {
  const chosen = (env: Record<string, string>, platform: NodeJS.Platform, tree: Record<string, string[]>) => {
    const copy: Record<string, string | undefined> = { ...env };
    chooseVulkanDriver(copy, platform, folders(tree));
    return copy['VK_DRIVER_FILES'];
  };
  const swiftShader = '/usr/lib/chromium/vk_swiftshader_icd.json';

  it('names SwiftShader where no card can be driven', () => {
    expect(swiftShaderManifest(folders(chromium))).toBe(swiftShader);
    expect(chosen({}, 'linux', chromium)).toBe(swiftShader);
    expect(chosen({}, 'linux', { ...chromium, ...mesa })).toBe(swiftShader);
  });

  it('leaves a working card, a choice made by hand and other systems alone', () => {
    expect(chosen({}, 'linux', { ...chromium, ...mesa, ...card })).toBeUndefined();
    expect(chosen({ VK_DRIVER_FILES: '/own.json' }, 'linux', chromium)).toBe('/own.json');
    expect(chosen({ VK_ICD_FILENAMES: '/own.json' }, 'linux', chromium)).toBeUndefined();
    expect(chosen({}, 'darwin', chromium)).toBeUndefined();
  });

  it('names nothing when there is no SwiftShader', () => {
    expect(chosen({}, 'linux', mesa)).toBeUndefined();
  });
});
