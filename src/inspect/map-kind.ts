// What is different about some types of maps (enum bpf_map_type of linux/bpf.h).

const PER_CPU: ReadonlySet<string> = new Set([
  "percpu_hash",
  "percpu_array",
  "lru_percpu_hash",
  "percpu_cgroup_storage",
]);

export function isPerCpu({ typeName }: { readonly typeName: string }): boolean {
  return PER_CPU.has(typeName);
}

/** Of maps or programs: a cell that holds none has no value. */
export function holdsObjects({ typeName }: { readonly typeName: string }): boolean {
  return ["array_of_maps", "hash_of_maps", "prog_array"].includes(typeName);
}

/** A type's name, or its number where libbpf knows no name. */
export function typeText({ type, typeName }: { readonly type: number; readonly typeName?: string }): string | number {
  return typeName === undefined || typeName === "unknown" ? type : typeName;
}
