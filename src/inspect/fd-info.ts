// What /proc tells of a descriptor: `memlock:	8192`.

/** The value of the first line that has the word in it; undefined: there is none. */
export function fdValue(fdText: string, word: string): string | undefined {
  const line = fdText.split("\n").find((candidate) => candidate.includes(word));
  const value = line?.slice(line.indexOf("\t") + 1);
  return line?.includes("\t") === true && value !== "" ? value : undefined;
}

/** As atoi() has it: what follows the digits does not count, and what has none is 0. */
export function fdNumber(fdText: string, word: string): number | undefined {
  const value = fdValue(fdText, word);
  return value === undefined ? undefined : Number.parseInt(value, 10) || 0;
}
