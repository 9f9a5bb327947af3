// Values → the text that stands for them in a document, in the style of what is around them.

/** What an edit may write. A key whose value is undefined is not written. */
export type EditValue = string | number | boolean | readonly EditValue[] | EditMap;
export interface EditMap {
  readonly [key: string]: EditValue | undefined;
}

/** How a document writes what it holds. */
export interface Style {
  readonly json: boolean;
  /** Line end. */
  readonly newline: string;
  /** Spaces of one level. */
  readonly indent: number;
  /** `{ a: 1 }` and not `{a: 1}`. */
  readonly padded: boolean;
}

export function isEditMap(value: unknown): value is EditMap {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

export function styleOf(text: string): Style {
  const indent = /^[^\s#].*:[ \t]*(?:#.*)?\r?\n(?:[ \t]*(?:#.*)?\r?\n)*( +)[^\s#-]/m.exec(text)?.[1]?.length ?? 2;
  return {
    json: isJson(text),
    newline: text.includes("\r\n") ? "\r\n" : "\n",
    indent,
    padded: /\{ +[^\s}]/.test(text),
  };
}

function isJson(text: string): boolean {
  if (!/^\s*\{/.test(text)) return false;
  try {
    JSON.parse(text);
    return true;
  } catch {
    return false;
  }
}

/** Text that reads back as the same text without quotes, inside of flow collections too. */
const PLAIN = /^[A-Za-z0-9_](?:[A-Za-z0-9._/:+-]*[A-Za-z0-9._/+-])?$/;
const RESERVED = /^(?:true|false|null|yes|no|on|off|y|n)$/i;

function scalar(value: string | number | boolean, style: Style): string {
  if (typeof value !== "string") return JSON.stringify(value);
  const plain = !style.json && PLAIN.test(value) && !RESERVED.test(value) && Number.isNaN(Number(value));
  return plain ? value : JSON.stringify(value);
}

export function key(name: string, style: Style): string {
  // A key is read by its text: `1:` names 1. One with colons in it is hard to read without quotes.
  return !style.json && PLAIN.test(name) && !name.includes(":") ? name : JSON.stringify(name);
}

/** On one line. */
export function inline(value: EditValue, style: Style): string {
  if (Array.isArray(value)) return `[${value.map((each) => inline(each, style)).join(", ")}]`;
  if (!isEditMap(value)) return scalar(value as string | number | boolean, style);
  const parts: string[] = [];
  for (const [name, each] of Object.entries(value)) {
    if (each !== undefined) parts.push(`${key(name, style)}: ${inline(each, style)}`);
  }
  if (parts.length === 0) return "{}";
  return style.padded ? `{ ${parts.join(", ")} }` : `{${parts.join(", ")}}`;
}

/**
 * `key: value` with `value` over several lines as deep as `levels` says, each level of maps and lists indented further.
 * @param indent spaces before the key
 */
export function pair(name: string, value: EditValue, style: Style, indent: number, levels: number): string {
  const inner = " ".repeat(indent + style.indent);
  if (levels > 0 && isEditMap(value) && Object.keys(value).length > 0) {
    const lines = Object.entries(value).map(([each, part]) =>
      part === undefined ? "" : `${style.newline}${inner}${pair(each, part, style, indent + style.indent, levels - 1)}`,
    );
    return `${key(name, style)}:${lines.join("")}`;
  }
  if (levels > 0 && Array.isArray(value) && value.length > 0) {
    return `${key(name, style)}:${value.map((each) => `${style.newline}${inner}- ${inline(each, style)}`).join("")}`;
  }
  return `${key(name, style)}: ${inline(value, style)}`;
}

/** Fields of tenants that are maps and no sections. */
const SMALL_MAPS: ReadonlySet<string | undefined> = new Set(["rateLimit", "dscpPolicy"]);

/** Levels that documents write over several lines: sections, tenants and the sections of tenants. */
export function levelsAt(path: readonly string[]): number {
  if (SMALL_MAPS.has(path[2])) return 0;
  if (path[0] === "tenants") return path.length <= 3 ? 4 - path.length : 0;
  return path.length === 1 ? 1 : 0;
}
