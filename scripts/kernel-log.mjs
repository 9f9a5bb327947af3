// New complaints of the kernel (BUG, WARNING, Oops) in /dev/kmsg, whose records carry a sequence
// number (Documentation/ABI/testing/dev-kmsg). Where it may not be read, there is nothing to find.
import { closeSync, constants, openSync, readSync } from "node:fs";

const complaint =
  /\b(BUG|WARNING|Oops|KASAN|KCSAN|UBSAN|Kernel panic)\b ?[:-]|general protection fault|unable to handle|refcount_t:|unregister_netdevice: waiting/;

/** The sequence number after the newest record, or undefined if the log may not be read. */
export function kernelLogPosition() {
  const records = read();
  return records === undefined ? undefined : (records.at(-1)?.sequence ?? -1) + 1;
}

/** Complaints from that position on. */
export function kernelComplaints(position) {
  if (position === undefined) return [];
  const records = read() ?? [];
  return records.filter((record) => record.sequence >= position && complaint.test(record.text)).map(({ text }) => text);
}

function read() {
  let fd;
  try {
    fd = openSync("/dev/kmsg", constants.O_RDONLY | constants.O_NONBLOCK);
  } catch {
    return undefined;
  }
  const records = [];
  const buffer = Buffer.alloc(8192);
  try {
    for (;;) {
      let length;
      try {
        length = readSync(fd, buffer);
      } catch (error) {
        if (error.code === "EPIPE") continue; // records were overwritten: the next read is at the oldest
        if (error.code === "EAGAIN") return records;
        return undefined;
      }
      // One record a read: "priority,sequence,microseconds,flags;text", then lines of properties.
      const [head, ...rest] = buffer.toString("utf8", 0, length).split(";");
      records.push({ sequence: Number(head.split(",")[1]), text: rest.join(";").split("\n")[0] });
    }
  } finally {
    closeSync(fd);
  }
}
