// Text of one JSON value (RFC 8259) → the plain data that a document's tree gives, so that the same shapes read both. JSON.parse
// would keep the last of equal keys and round large numbers.

import { quote } from "../address/index.ts";
import type { Plain } from "./tree.ts";
import { Unusual } from "./tree.ts";

/** Levels that a value nests; the deepest that means anything has 3. */
const DEPTH_MAX = 32;

/** What is wrong with a text, and where. */
export class JsonFault extends Error {}

const [QUOTE, BACKSLASH, OPEN_LIST, CLOSE_LIST, OPEN_MAP, CLOSE_MAP, COMMA, COLON] = [34, 92, 91, 93, 123, 125, 44, 58];
const NUMBER = /-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?/y;
const WORD = /[^\s,:[\]{}"]+/y;
const WORDS: ReadonlyMap<string, Plain> = new Map<string, Plain>([
  ["true", true],
  ["false", false],
  ["null", null],
]);

/** @throws JsonFault */
export function parseJson(text: string): Plain {
  const parser = new Parser(text);
  return parser.document();
}

class Parser {
  readonly #text: string;
  #at = 0;
  #depth = 0;

  constructor(text: string) {
    this.#text = text;
  }

  document(): Plain {
    const value = this.#value();
    this.#skip();
    if (this.#at < this.#text.length) throw this.#unexpected("nothing more");
    return value;
  }

  #value(): Plain {
    this.#skip();
    const code = this.#text.charCodeAt(this.#at);
    if (code === QUOTE) return this.#string();
    if (code === OPEN_MAP || code === OPEN_LIST) {
      if (++this.#depth > DEPTH_MAX) throw this.#fault(`it nests deeper than ${DEPTH_MAX} levels`);
      this.#at++;
      const value = code === OPEN_MAP ? this.#map() : this.#list();
      this.#depth--;
      return value;
    }
    return this.#word();
  }

  #map(): Plain {
    const map: Record<string, Plain> = Object.create(null);
    if (this.#takes(CLOSE_MAP)) return map;
    do {
      this.#skip();
      const start = this.#at;
      if (this.#text.charCodeAt(start) !== QUOTE) throw this.#unexpected("a key in double quotes");
      const key = this.#string();
      if (Object.hasOwn(map, key)) {
        this.#at = start;
        throw this.#fault(`the key ${quote(key)} is there already, expected it once`);
      }
      if (!this.#takes(COLON)) throw this.#unexpected('":"');
      map[key] = this.#value();
    } while (this.#takes(COMMA));
    if (!this.#takes(CLOSE_MAP)) throw this.#unexpected('"," or "}"');
    return map;
  }

  #list(): Plain {
    const list: Plain[] = [];
    if (this.#takes(CLOSE_LIST)) return list;
    do list.push(this.#value());
    while (this.#takes(COMMA));
    if (!this.#takes(CLOSE_LIST)) throw this.#unexpected('"," or "]"');
    return list;
  }

  #string(): string {
    const start = this.#at;
    let end = start + 1;
    let plain = true;
    for (; ; end++) {
      const code = this.#text.charCodeAt(end);
      if (code === QUOTE) break;
      if (Number.isNaN(code)) throw this.#fault("a text in quotes does not end");
      if (code === BACKSLASH) {
        plain = false;
        end++;
      } else if (code < 32) {
        this.#at = end;
        throw this.#fault("a text in quotes has a control character, expected an escape such as \\n");
      }
    }
    this.#at = end + 1;
    if (plain) return this.#text.slice(start + 1, end);
    try {
      return JSON.parse(this.#text.slice(start, end + 1)) as string;
    } catch {
      this.#at = start;
      throw this.#fault("a text in quotes has a wrong escape");
    }
  }

  #word(): Plain {
    WORD.lastIndex = this.#at;
    const word = WORD.exec(this.#text)?.[0];
    if (word === undefined) throw this.#unexpected("a value");
    const known = WORDS.get(word);
    NUMBER.lastIndex = this.#at;
    const number = known === undefined ? NUMBER.exec(this.#text)?.[0] : undefined;
    if (known === undefined && number !== word) throw this.#unexpected("a value");
    this.#at += word.length;
    if (known !== undefined) return known;
    const value = Number(word);
    return /^(0|-?[1-9][0-9]*)$/.test(word) && Number.isSafeInteger(value) ? value : new Unusual(word);
  }

  #takes(code: number): boolean {
    this.#skip();
    if (this.#text.charCodeAt(this.#at) !== code) return false;
    this.#at++;
    return true;
  }

  #skip(): void {
    for (; ; this.#at++) {
      const code = this.#text.charCodeAt(this.#at);
      if (code !== 32 && code !== 10 && code !== 13 && code !== 9) return;
    }
  }

  #unexpected(expected: string): JsonFault {
    const rest = this.#text.slice(this.#at);
    const given = /^[\w.+-]+|^[\s\S]?/u.exec(rest)?.[0] ?? "";
    return this.#fault(`${given === "" ? "the end" : quote(given)} given, expected ${expected}`);
  }

  #fault(cause: string): JsonFault {
    return new JsonFault(`character ${this.#at + 1}: ${cause}`);
  }
}
