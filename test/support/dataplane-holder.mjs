// Holds the lock of a directory until its input ends: another writer, for tests. Says "held" when it has it.
import { createRequire } from "node:module";

const [addon, directory, waitMs] = process.argv.slice(2);
const native = createRequire(import.meta.url)(addon);
native.setErrorFactory?.((failure) => Object.assign(new Error(failure.reason), failure));
const lock = native.DirectoryLock.lock(directory, Number(waitMs));
process.stdout.write("held\n");
process.stdin.resume().on("end", () => lock.close());
