// Text → YAML tree (YAML 1.2 core schema; JSON is a part of it) → plain data, and the way back from a path to a place in
// the text. Of YAML's richer features, those whose meaning readers disagree about are refused.

import type { Document, Node, Pair, ParsedNode } from "yaml";
import { Composer, isAlias, isMap, isPair, isScalar, isSeq, Lexer, Parser, Scalar } from "yaml";
import { Lines } from "./lines.ts";
import type { DocumentProblem, PathStep, ProblemSink } from "./problem.ts";
import { COLLECTED_MAX, invalidDocument, pathText } from "./problem.ts";

/** Levels that a document nests; the deepest that means anything has 8. */
const DEPTH_MAX = 32;
/** Pieces of text that the parser keeps apart, at about 200 bytes of memory each. */
const LEXEMES_MAX = 8_000_000;
/** Nodes reached through aliases: a few lines can expand to billions. */
const ALIASED_MAX = 10_000;

/** A scalar that is neither text, nor a plain decimal integer, nor true, false or null. */
export class Unusual {
  /** As it is written. */
  readonly source: string;

  constructor(source: string) {
    this.source = source;
  }
}

/** Objects have no prototype, so that no key is special. */
export type Plain = string | number | boolean | null | Unusual | readonly Plain[] | PlainMap;
export interface PlainMap {
  readonly [key: string]: Plain;
}

export class Tree implements ProblemSink {
  readonly file: string;
  readonly document: Document.Parsed;
  readonly #lines: Lines;
  readonly #problems: DocumentProblem[] = [];
  readonly #pairs = new Map<Node, Map<string, Pair>>();
  #plainContents: Plain | undefined;

  /**
   * @param text without byte order mark
   * @throws DocumentError DOCUMENT_INVALID for a text that is no YAML, or not one document
   */
  constructor(text: string, file: string) {
    this.file = file;
    this.#lines = new Lines(text);
    const nul = text.indexOf("\0");
    if (nul >= 0) throw this.#failed(nul, "the document has a NUL character, expected text");
    this.document = this.#parse(text);
  }

  get problems(): readonly DocumentProblem[] {
    return this.#problems;
  }

  /**
   * Problem with what is at `steps`. A field is shown at its value, an object at its key, something missing at the key of
   * what it is missing in.
   */
  add(steps: readonly PathStep[], message: string, where: "value" | "key" = "value"): void {
    if (this.full) return;
    const place = this.#locate(steps, where);
    this.#addAt(place.offset, pathText(place.steps), message);
  }

  get full(): boolean {
    return this.#problems.length >= COLLECTED_MAX;
  }

  #addAt(offset: number, path: string, message: string): void {
    if (this.#problems.length >= COLLECTED_MAX) return;
    const { line, column } = this.#lines.placeOf(offset);
    this.#problems.push({ file: this.file, line, column, path, message: cut(message) });
  }

  #failed(offset: number, message: string): Error {
    this.#addAt(offset, "", message);
    return invalidDocument(this.file, this.#problems);
  }

  #parse(text: string): Document.Parsed {
    const parser = new Parser();
    // Keys are compared by plain() below: the composer's own check takes quadratic time.
    const composer = new Composer({ uniqueKeys: false, prettyErrors: false, merge: false, version: "1.2" });
    const documents: Document.Parsed[] = [];
    const lexer = new Lexer();
    let offset = 0;
    let count = 0;
    const self = this;
    function* tokens() {
      for (const lexeme of lexer.lex(text)) {
        yield* parser.next(lexeme);
        offset = parser.offset;
        if (parser.stack.length > 2 * DEPTH_MAX) throw self.#failed(offset, `it nests deeper than ${DEPTH_MAX} levels`);
        if (++count > LEXEMES_MAX) throw self.#failed(offset, `it has more than ${LEXEMES_MAX} words, expected fewer`);
      }
      yield* parser.end();
    }
    for (const document of composer.compose(tokens(), true, text.length)) {
      documents.push(document as Document.Parsed);
      if (documents.length > 1) break;
    }
    const [document, second] = documents as [Document.Parsed, Document.Parsed | undefined];
    const problems = [...document.errors, ...document.warnings].sort((a, b) => a.pos[0] - b.pos[0]);
    for (const [index, problem] of problems.entries()) {
      // Once the parser has lost its way, everything that follows is unexpected.
      if (index > 0 && problem.code === "UNEXPECTED_TOKEN") continue;
      this.#addAt(problem.pos[0], "", lowerFirst(problem.message));
    }
    if (this.#problems.length > 0) throw invalidDocument(this.file, this.#problems);
    if (second !== undefined) {
      throw this.#failed(second.range[0], "a second document begins here, expected one document");
    }
    if (document.directives.yaml.explicit === true && document.directives.yaml.version !== "1.2") {
      throw this.#failed(
        0,
        `YAML ${document.directives.yaml.version} is asked for, expected %YAML 1.2 or no directive`,
      );
    }
    return document;
  }

  /** The document as plain data. What cannot be represented is a problem and left out. */
  plain(): Plain {
    const { contents } = this.document;
    if (this.#plainContents === undefined) {
      const state = { aliased: -1, open: new Set<Node>() };
      this.#plainContents = (contents === null ? null : this.#plain(contents, [], state)) ?? null;
    }
    return this.#plainContents;
  }

  #plain(node: ParsedNode, steps: readonly PathStep[], state: Expansion): Plain | undefined {
    const refuse = (message: string): undefined => {
      this.#addAt(node.range[0], pathText(steps), message);
    };
    if (state.aliased >= 0 && ++state.aliased > ALIASED_MAX) {
      if (state.aliased === ALIASED_MAX + 1) refuse(`aliases expand to more than ${ALIASED_MAX} values`);
      return undefined;
    }
    if (isAlias(node)) {
      const target = node.resolve(this.document) as ParsedNode | undefined;
      if (target === undefined) return refuse(`the alias *${node.source} has no anchor`);
      if (state.open.has(target)) return refuse(`the alias *${node.source} contains itself`);
      const outermost = state.aliased < 0;
      if (outermost) state.aliased = state.expanded ?? 0;
      const value = this.#plain(target, steps, state);
      if (outermost) {
        state.expanded = state.aliased;
        state.aliased = -1;
      }
      return value;
    }
    if (node.tag !== undefined && !isTextTag(node)) return refuse(`the tag ${node.tag} is not supported`);
    if (isScalar(node)) return plainScalar(node);
    state.open.add(node);
    const value = isSeq(node) ? this.#plainList(node.items, steps, state) : this.#plainMap(node, steps, state);
    state.open.delete(node);
    return value;
  }

  #plainList(items: readonly ParsedNode[], steps: readonly PathStep[], state: Expansion): Plain {
    const list: Plain[] = [];
    for (const [index, item] of items.entries()) {
      const value = isPair(item) ? undefined : this.#plain(item, [...steps, index], state);
      list.push(value ?? null);
    }
    return list;
  }

  #plainMap(
    node: Extract<ParsedNode, { items: readonly unknown[] }>,
    steps: readonly PathStep[],
    state: Expansion,
  ): Plain {
    const map: Record<string, Plain> = Object.create(null);
    const pairs = this.#pairsOf(node, steps);
    for (const [key, pair] of pairs) {
      if (pair.value === null) map[key] = null;
      else {
        const value = this.#plain(pair.value as ParsedNode, [...steps, key], state);
        if (value !== undefined) map[key] = value;
      }
    }
    return map;
  }

  /** Pairs by the text of their keys: `1:` and `"1":` are the same name. Each problem is told once, on the first call. */
  #pairsOf(node: Node, steps: readonly PathStep[]): Map<string, Pair> {
    const known = this.#pairs.get(node);
    if (known !== undefined) return known;
    const pairs = new Map<string, Pair>();
    this.#pairs.set(node, pairs);
    for (const pair of isMap(node) ? node.items : []) {
      const key = pair.key as ParsedNode | null;
      const offset = key?.range[0] ?? node.range?.[0] ?? 0;
      if (!isScalar(key) || (key.tag !== undefined && !isTextTag(key))) {
        this.#addAt(offset, pathText(steps), "a key is not plain text, expected a name");
        continue;
      }
      const name = keyText(key);
      const first = pairs.get(name)?.key as Scalar.Parsed | undefined;
      if (name === "<<" && key.type === Scalar.PLAIN) {
        this.#addAt(offset, pathText([...steps, name]), "merge keys are not supported, expected the fields themselves");
      } else if (first !== undefined) {
        const { line } = this.#lines.placeOf(first.range[0]);
        const message = `the key ${JSON.stringify(name)} is already on line ${line}, expected it once`;
        this.#addAt(offset, pathText([...steps, name]), message);
      } else {
        pairs.set(name, pair);
      }
    }
    return pairs;
  }

  /**
   * Where a path leads, as far as it goes. String steps find list entries by `prefix`, `name` or value, and come back as
   * indexes.
   */
  #locate(steps: readonly PathStep[], where: "value" | "key"): { offset: number; steps: readonly PathStep[] } {
    let node = this.document.contents as ParsedNode | null;
    let offset = node?.range[0] ?? 0;
    const found: PathStep[] = [];
    for (const step of steps) {
      if (isAlias(node)) node = (node.resolve(this.document) as ParsedNode | undefined) ?? null;
      if (isMap(node)) {
        const pair = this.#pairsOf(node, found).get(String(step));
        if (pair === undefined) break;
        node = pair.value as ParsedNode | null;
        const atValue = where === "value" && isScalar(node) && !isEmpty(node);
        offset = (atValue ? node : (pair.key as ParsedNode))?.range[0] ?? offset;
        found.push(step);
      } else if (isSeq(node)) {
        const index = typeof step === "number" ? step : node.items.findIndex((each) => isNamed(each, step));
        const item = node.items[index];
        if (item === undefined || isPair(item)) break;
        node = item as ParsedNode;
        offset = node.range[0];
        found.push(index);
      } else {
        break;
      }
    }
    return { offset, steps: [...found, ...steps.slice(found.length)] };
  }
}

/** Text without its byte order mark. */
export function withoutMark(text: string): string {
  return text.startsWith("\ufeff") ? text.slice(1) : text;
}

interface Expansion {
  /** Nodes visited since the outermost alias, or -1 outside of one. */
  aliased: number;
  /** Nodes visited in aliases before. */
  expanded?: number;
  readonly open: Set<Node>;
}

/** `!!str 5`, the one tag that says nothing surprising. */
function isTextTag(node: Node): boolean {
  return isScalar(node) && node.tag === "tag:yaml.org,2002:str";
}

/** `key:` with nothing after it: the place of the value is somewhere behind, so the key is shown. */
export function isEmpty(node: ParsedNode | null): boolean {
  return node === null || (isScalar(node) && node.range[0] === node.range[1]);
}

/** Whether a list entry is meant by `name`: a scalar by its value, a route by its prefix, an interface by its name. */
export function isNamed(item: unknown, name: string): boolean {
  if (isScalar(item)) return keyText(item) === name;
  if (!isMap(item)) return false;
  return item.items.some((pair) => {
    const key = isScalar(pair.key) ? pair.key.value : undefined;
    return (key === "prefix" || key === "name") && isScalar(pair.value) && keyText(pair.value) === name;
  });
}

/** A key by its text: a server may be named 1 or true. */
export function keyText(key: Scalar): string {
  if (typeof key.value === "string") return key.value;
  return key.source ?? (key.value === null ? "" : String(key.value));
}

function plainScalar(node: Scalar.Parsed): Plain {
  const { value, source } = node;
  if (value === null || typeof value === "string" || typeof value === "boolean") return value;
  if (typeof value === "number" && /^(0|-?[1-9][0-9]*)$/.test(source) && Number.isSafeInteger(value)) return value;
  // 010 is ten here and eight in YAML 1.1; 1e3 and 0x10 are surprises: the reader is told to write it plainly.
  return new Unusual(source);
}

const MESSAGE_MAX = 400;

function cut(text: string): string {
  return text.length > MESSAGE_MAX ? `${text.slice(0, MESSAGE_MAX)}…` : text;
}

function lowerFirst(text: string): string {
  return /^[A-Z][a-z]/.test(text) ? (text[0] as string).toLowerCase() + text.slice(1) : text;
}
