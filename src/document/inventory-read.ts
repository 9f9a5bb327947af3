// The inventory that a document names.

import type { Model } from "../model/index.ts";
import { withRegularFile } from "./file.ts";
import type { InventoryOptions } from "./inventory.ts";
import { InventoryReader } from "./inventory.ts";
import { eachLine, LINE_BYTES_MAX } from "./inventory-file.ts";
import type { DocumentProblem } from "./problem.ts";
import { DocumentError } from "./problem.ts";
import type { Reader } from "./reader.ts";

/** Reads all lines of an open file. */
export function readLines(reader: InventoryReader, fd: number, progress?: (bytes: number) => void): void {
  eachLine(fd, {
    line: (bytes, from, to) => {
      reader.line(bytes, from, to);
      return !reader.full;
    },
    overlong: () => {
      reader.overlong(LINE_BYTES_MAX);
      return !reader.full;
    },
    progress,
  });
}

/** A reader of lines that add VMs to those of the document. */
export function inventoryReader(reader: Reader, model: Model, options: InventoryOptions): InventoryReader {
  const { servers, vms } = reader;
  return new InventoryReader({ model, servers, vms, unread: (...path) => reader.isUnread(...path) }, options);
}

/**
 * Adds the VMs of the inventory to those of the document. One that cannot be read is a problem of the document.
 * @returns problems of its lines
 */
export function readInventory(
  reader: Reader,
  model: Model,
  path: string,
  {
    inventory = path,
    progress,
  }: { inventory?: string | undefined; progress?: ((bytes: number, of: number) => void) | undefined },
): readonly DocumentProblem[] {
  const lines = inventoryReader(reader, model, { file: path });
  try {
    withRegularFile(inventory, (fd, size) => readLines(lines, fd, progress && ((bytes) => progress(bytes, size))));
  } catch (thrown) {
    if (!(thrown instanceof DocumentError)) throw thrown;
    reader.problems.add(["vmInventory"], thrown.message);
  }
  return lines.problems;
}
