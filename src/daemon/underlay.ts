// Looks at the kernel's links and neighbours from time to time, and tells when they are not what they were.

import { underlayFingerprint } from "../netlink/index.ts";

export class UnderlayWatch {
  readonly #timer: NodeJS.Timeout;

  constructor(periodMs: number, onChange: () => void, look: () => string = underlayFingerprint) {
    let seen: string | undefined;
    const compare = (): void => {
      let now: string;
      try {
        now = look();
      } catch {
        return; // asked again soon; the next pass tells what is wrong with netlink
      }
      const changed = seen !== undefined && now !== seen;
      seen = now;
      if (changed) onChange();
    };
    compare();
    this.#timer = setInterval(compare, periodMs);
  }

  close(): void {
    clearInterval(this.#timer);
  }
}
