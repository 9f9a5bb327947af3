// What a tunnel packet can be made of: a format, and the families outside and inside. chain.bpf.c has a source for each.

export interface Mix {
  readonly format: "vxlan" | "geneve" | "nvgre";
  readonly outer: 4 | 6;
  readonly inner: 4 | 6;
}

/** What everything else is held against. */
export const PLAIN: Mix = { format: "vxlan", outer: 4, inner: 4 };

export const MIXES: readonly Mix[] = (["vxlan", "geneve", "nvgre"] as const).flatMap((format) =>
  ([4, 6] as const).flatMap((outer) => ([4, 6] as const).map((inner) => ({ format, outer, inner }))),
);

export const isPlain = ({ format, outer, inner }: Mix): boolean => format === "vxlan" && outer === 4 && inner === 4;

/** As in names of rows and sources: a format, the outer family, the inner one. */
export const mixName = ({ format, outer, inner }: Mix): string => `${format}${outer}${inner}`;

const FORMAT_NAMES = { vxlan: "VXLAN", geneve: "Geneve", nvgre: "NVGRE" } as const;
export const mixTitle = ({ format, outer, inner }: Mix): string =>
  `${FORMAT_NAMES[format]} over IPv${outer}, IPv${inner} inside`;

/** Bytes that the tunnel puts in front of a frame: outer Ethernet, IP, UDP, and the format's own. */
export const tunnelBytes = ({ format, outer }: Mix): number =>
  14 + (outer === 4 ? 20 : 40) + (format === "nvgre" ? 0 : 8) + 8;
