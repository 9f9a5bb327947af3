// Who we are, for etcd with authentication. A login gives a token that all members know: it ends when it is not used for
// --auth-token-ttl, and with changes of users and roles.

import { Metadata } from "@grpc/grpc-js";
import { causeText } from "../errors.ts";
import { Failure } from "./failure.ts";
import type { Member } from "./member.ts";
import { AUTHENTICATE } from "./messages.ts";
import type { EtcdCredentials } from "./types.ts";

export class Login {
  readonly #credentials: EtcdCredentials | undefined;
  #token: string | undefined;
  /** Under way: calls that come meanwhile wait for the same one. A password takes the members 0.1 s to check. */
  #pending: Promise<string> | undefined;

  constructor(credentials: EtcdCredentials | undefined) {
    this.#credentials = credentials;
  }

  /**
   * Does something under a token, and once more under a new one if the member does not know that.
   * @param refused the failure is one that a new token may cure
   * @throws Failure of `action` or of logging in
   */
  async under<T>(
    member: Member,
    deadlineMs: number,
    action: (metadata: Metadata) => Promise<T>,
    refused = (failure: Failure) => failure.options.staleToken === true,
  ): Promise<T> {
    if (this.#credentials === undefined) return action(metadataWith(undefined));
    const fresh = this.#token === undefined;
    const token = await this.#tokenFrom(member, deadlineMs);
    try {
      return await action(metadataWith(token));
    } catch (thrown) {
      if (!(thrown instanceof Failure) || !refused(thrown) || fresh) throw thrown;
      if (this.#token === token) this.#token = undefined;
      return action(metadataWith(await this.#tokenFrom(member, deadlineMs)));
    }
  }

  async #tokenFrom(member: Member, deadlineMs: number): Promise<string> {
    if (this.#token !== undefined) return this.#token;
    this.#pending ??= this.#logIn(member, deadlineMs).finally(() => {
      this.#pending = undefined;
    });
    return this.#pending;
  }

  async #logIn(member: Member, deadlineMs: number): Promise<string> {
    const { user, password } = this.#credentials as EtcdCredentials;
    try {
      const request = { name: user, password: passwordOf(password) };
      const { token = "" } = await member.call(AUTHENTICATE, request, metadataWith(undefined), deadlineMs);
      this.#token = token;
      return token;
    } catch (thrown) {
      if (!(thrown instanceof Failure)) throw thrown;
      // Nothing was asked of the member yet, so nothing was carried out.
      const options = { ...thrown.options, untouched: true, cause: thrown };
      throw new Failure(thrown.kind, `log in as ${JSON.stringify(user)}: ${thrown.message}`, options);
    }
  }
}

function passwordOf(password: () => string): string {
  try {
    return password();
  } catch (thrown) {
    throw new Failure("unauthenticated", `get the password: ${causeText(thrown)}`, { cause: thrown });
  }
}

/** A member that has lost its leader says so, and is not silent or out of date. */
function metadataWith(token: string | undefined): Metadata {
  const metadata = new Metadata();
  metadata.set("hasleader", "true");
  if (token !== undefined) metadata.set("token", token);
  return metadata;
}
