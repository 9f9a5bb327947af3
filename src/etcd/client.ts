// A client of etcd, from version 3.4 on.

import { type ChannelCredentials, credentials } from "@grpc/grpc-js";
import { causeText } from "../errors.ts";
import { EtcdError } from "./error.ts";
import { Login } from "./login.ts";
import { Member } from "./member.ts";
import { Members, type Repeat } from "./members.ts";
import { type Procedure, RANGE, TXN } from "./messages.ts";
import type {
  EtcdOptions,
  EtcdTls,
  RangeRequest,
  RangeResult,
  TxnRequest,
  TxnResult,
  Watch,
  WatchListener,
  WatchRequest,
} from "./types.ts";
import { EtcdWatch } from "./watch.ts";
import { headerOf, rangeOf, resultOf, wireCompare, wireOp, wireRange } from "./wire.ts";

const TIMEOUT_MS = 5000;

export class EtcdClient {
  readonly #members: Members;
  readonly #login: Login;
  readonly #timeoutMs: number;
  readonly #watches = new Set<Watch>();

  /** Connects to nobody yet. @throws EtcdError of kind `tls`: what was given is no certificate or key */
  constructor({ members, tls, credentials: login, timeoutMs = TIMEOUT_MS }: EtcdOptions) {
    const channel = channelCredentials(tls);
    this.#members = new Members(members.map((name) => new Member(name, channel)));
    this.#login = new Login(login);
    this.#timeoutMs = timeoutMs;
  }

  /** Reads keys. @throws EtcdError */
  async range(request: RangeRequest & { readonly timeoutMs?: number | undefined }): Promise<RangeResult> {
    const response = await this.#call("read from etcd", RANGE, wireRange(request), "always", request.timeoutMs);
    return { header: headerOf(response.header), ...rangeOf(response) };
  }

  /**
   * Changes keys, all or none. It is asked for again only when it was certainly not carried out.
   * @throws EtcdError; of kind `unknown-outcome` when it may have been
   */
  async txn(request: TxnRequest & { readonly timeoutMs?: number | undefined }): Promise<TxnResult> {
    const wire = {
      compare: request.compare.map(wireCompare),
      success: request.success.map(wireOp),
      failure: (request.failure ?? []).map(wireOp),
    };
    const response = await this.#call("write to etcd", TXN, wire, "if-untouched", request.timeoutMs);
    const { succeeded = false, responses = [] } = response;
    return { header: headerOf(response.header), succeeded, responses: responses.map(resultOf) };
  }

  /**
   * Watches keys, at the member that takes it first. It does not begin again after its end: who does, and from which revision, is for
   * the listener to know.
   */
  watch(request: WatchRequest, listener: WatchListener): Watch {
    const watch: Watch = new EtcdWatch(request, listener, {
      members: this.#members,
      login: this.#login,
      timeoutMs: this.#timeoutMs,
      onEnd: () => this.#watches.delete(watch),
    });
    this.#watches.add(watch);
    return watch;
  }

  /** Ends all calls and watches, and lets the process end. */
  close(): void {
    for (const watch of this.#watches) watch.close();
    this.#members.close();
  }

  #call<Request, Response>(
    subject: string,
    procedure: Procedure<Request, Response>,
    request: Request,
    repeat: Repeat,
    timeoutMs = this.#timeoutMs,
  ): Promise<Response> {
    return this.#members.ask(subject, timeoutMs, repeat, async (member, { reachMs, shareMs, callMs }) => {
      await member.reach(reachMs);
      // A change that was sent gets all of the time: nobody else may be asked for it.
      const deadlineMs = repeat === "always" ? shareMs : callMs;
      return this.#login.under(member, deadlineMs, (metadata) => member.call(procedure, request, metadata, deadlineMs));
    });
  }
}

function channelCredentials(tls: EtcdTls | undefined): ChannelCredentials {
  if (tls === undefined) return credentials.createInsecure();
  const { ca = null, certificate = null, key = null } = tls;
  try {
    return credentials.createSsl(ca, key, certificate);
  } catch (thrown) {
    throw new EtcdError("tls", `use the certificates for etcd: ${causeText(thrown)}`, {
      remedy: "give PEM files, a certificate together with its own key",
      cause: thrown,
    });
  }
}
