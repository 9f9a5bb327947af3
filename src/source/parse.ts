// The text that names a source on the command line.

import { resolve } from "node:path";
import { UnumError } from "../errors.ts";
import { FileSource } from "./file.ts";
import type { Source } from "./source.ts";

const FORM = "file:PATH, such as file:/etc/unum/state.yaml";

/** @throws UnumError VALUE_INVALID */
export function openSource(text: string): Source {
  const [, scheme, rest = ""] = /^([a-z]+):(.*)$/s.exec(text) ?? [];
  if (scheme !== "file" || rest === "" || rest.includes("\0"))
    throw new UnumError("VALUE_INVALID", `follow source ${JSON.stringify(text)}: expected ${FORM}`, {
      remedy:
        scheme === undefined ? `a file is file:${text}` : "documents in files are the one kind of source there is",
    });
  return new FileSource(resolve(rest));
}
