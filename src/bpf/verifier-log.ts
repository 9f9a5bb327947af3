// The verifier's log, as libbpf passes it on: long, and with its point at the end.

const PROGRAM_LOG = /prog '([^']*)': -- BEGIN PROG LOAD LOG --\n([\s\S]*?)(?:\n?-- END PROG LOAD LOG --|$)/;

export interface LibbpfLog {
  /** Program that was refused; set together with `verifierLog`. */
  readonly program: string | undefined;
  readonly verifierLog: string | undefined;
  /** What libbpf itself said, without its prefixes; one line each. */
  readonly libbpf: string;
}

/** Divides what libbpf said into the verifier's log of the first refused program and the rest. */
export function splitLibbpfLog(log: string): LibbpfLog {
  const match = PROGRAM_LOG.exec(log);
  const rest = match === null ? log : log.replace(match[0], "");
  const libbpf = rest
    .split("\n")
    .map((line) => line.replace(/^libbpf: /, "").trim())
    .filter((line) => line !== "")
    .join("\n");
  return { program: match?.[1], verifierLog: match?.[2]?.trimEnd(), libbpf };
}

/** Lines that say how much was done, and not what is wrong. */
const STATISTICS =
  /^(?:processed \d+ insns|verification time |stack depth |max_states_per_insn |insns processed|mark_precise|peak_states |total_states )/;
/** Lines of state or code: `3: (61) r1 = …`, `; source line`, `R1=ctx() R10=fp0`, `from 3 to 7: …`. */
const CODE = /^(?:\d+: |; |R\d+[_=]|from \d+ to \d+|last_idx |regs=|parent |frame\d+:|func#\d+ )/;

/**
 * The sentence of the log that says why, with the line of source before it where there is one.
 * @example "R0 invalid mem access 'map_value_or_null' (at `*counter += 1;`)"
 */
export function summariseVerifierLog(log: string): string {
  const lines = log
    .split("\n")
    .map((line) => line.trim())
    .filter((line) => line !== "" && !STATISTICS.test(line));
  const at = lines.findLastIndex((line) => !CODE.test(line));
  const reason = lines[at] ?? lines.at(-1) ?? "it said nothing";
  const source = lines.slice(0, Math.max(at, 0)).findLast((line) => line.startsWith("; "));
  // Newer kernels add the file and line: `; code @ file.c:12`.
  return source === undefined ? reason : `${reason} (at \`${source.slice(2)}\`)`;
}
