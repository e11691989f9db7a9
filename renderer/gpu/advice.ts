/** What to switch on where no hardware adapter is in use, by system and program. Pure: strings in, steps out. */

export interface Step {
  title: string;
  /** What to do and what to expect. */
  text: string;
  /** What the copy button copies, shown as code in front of the text. */
  code?: string;
}

export type System = 'linux' | 'windows' | 'macos' | 'other';
export type Program = 'chromium' | 'firefox' | 'safari' | 'electron';

export function systemOf(userAgent: string): System {
  if (/Windows/.test(userAgent)) return 'windows';
  if (/Mac OS X|Macintosh/.test(userAgent)) return 'macos';
  return /Linux|X11|CrOS/.test(userAgent) ? 'linux' : 'other';
}

export function programOf(userAgent: string): Program {
  if (/Electron\//.test(userAgent)) return 'electron';
  if (/Firefox\//.test(userAgent)) return 'firefox';
  return /Chrom(?:e|ium)\//.test(userAgent) ? 'chromium' : 'safari';
}

const systemNames: Record<System, string> = {
  linux: 'Linux',
  windows: 'Windows',
  macos: 'macOS',
  other: 'This system',
};

export function systemName(system: System): string {
  return systemNames[system];
}

/** Steps in the order to try them; the last is always to check again. */
export function adviceFor(system: System, program: Program): Step[] {
  return [...enableSteps(system, program), ...driverSteps(system)];
}

function enableSteps(system: System, program: Program): Step[] {
  if (program === 'firefox') {
    return [
      {
        title: 'Switch WebGPU on in Firefox',
        code: 'about:config',
        text: 'holds the setting dom.webgpu.enabled. Set it to true and reload. A Chromium-based browser is the better choice for training.',
      },
    ];
  }
  if (program === 'safari') {
    return [
      {
        title: 'Use a browser with WebGPU',
        text: 'Safari 26 has it switched on. In older ones it is under Develop, Feature Flags. A Chromium-based browser works on every system.',
      },
    ];
  }
  const hardware: Step = {
    title: 'Allow the graphics card',
    code: 'chrome://settings/system',
    text: 'holds “Use graphics acceleration when available”. It has to be on.',
  };
  if (system !== 'linux') return program === 'electron' ? [] : [hardware];
  const flags = '--enable-features=Vulkan --enable-unsafe-webgpu --ignore-gpu-blocklist';
  return [
    {
      title: 'Start with Vulkan',
      code: flags,
      text: 'belongs behind the start command of the window. Close the window first: an open one ignores it.',
    },
  ];
}

function driverSteps(system: System): Step[] {
  switch (system) {
    case 'linux':
      return [
        {
          title: 'Check the Vulkan driver',
          code: 'vulkaninfo --summary',
          text: 'should name the graphics card. If it lists only llvmpipe, install the vendor’s driver package.',
        },
      ];
    case 'windows':
      return [
        {
          title: 'Check the driver',
          code: 'dxdiag',
          text: 'should name the graphics card with feature level 11_0 or higher. If it does not, install the vendor’s driver.',
        },
      ];
    case 'macos':
      return [
        {
          title: 'Check the system',
          text: 'Every Mac since 2017 has Metal, which WebGPU uses. Install the system’s updates, then start again.',
        },
      ];
    case 'other':
      return [
        {
          title: 'Check the driver',
          text: 'A driver for Vulkan, Direct3D 12 or Metal has to be installed.',
        },
      ];
    default:
      return system satisfies never;
  }
}
