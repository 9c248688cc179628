/** What a page can know of the machine it runs on. */
export interface Machine {
  readonly facts: readonly (readonly [name: string, value: string])[];
  /** Logical processors that WASM may use: one where memory cannot be shared. */
  readonly threads: number;
  /** A WebGPU adapter is there; 'software' is one without hardware. */
  readonly webgpu: 'hardware' | 'software' | undefined;
}

export async function describeMachine(): Promise<Machine> {
  const threads = crossOriginIsolated ? navigator.hardwareConcurrency : 1;
  const adapter = await navigator.gpu?.requestAdapter({ powerPreference: 'high-performance' }).catch(() => null);
  const info = adapter?.info;
  const name = info && (info.description || [info.vendor, info.architecture].filter(Boolean).join(' ') || 'unnamed');
  const software = info && (info.isFallbackAdapter || /swiftshader|llvmpipe/i.test(`${name} ${info.architecture}`));
  const why = isSecureContext ? 'none found' : 'needs HTTPS or localhost';
  return {
    threads,
    webgpu: info && (software ? 'software' : 'hardware'),
    facts: [
      ['Browser', browserName()],
      ['Processors', `${navigator.hardwareConcurrency} logical`],
      [
        'Threads',
        crossOriginIsolated ? `shared memory, up to ${threads}` : 'one: the page is not cross-origin isolated',
      ],
      ['WebGPU', name ? `${name}${software ? ' (software)' : ''}` : why],
    ],
  };
}

/** "Chromium 147 on Linux" where the browser says so, else its whole user agent. */
function browserName(): string {
  const { userAgentData } = navigator as {
    userAgentData?: { brands: { brand: string; version: string }[]; platform: string };
  };
  const brand = userAgentData?.brands.find((entry) => !/not.?a.?brand/i.test(entry.brand.replace(/[^a-z]/gi, '')));
  return brand ? `${brand.brand} ${brand.version} on ${userAgentData?.platform}` : navigator.userAgent;
}
