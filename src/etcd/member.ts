// One member of the cluster: a connection that is made when it is needed, and calls on it.

import {
  type ChannelCredentials,
  type ChannelOptions,
  Client,
  type ClientDuplexStream,
  type ClientUnaryCall,
  connectivityState,
  type Metadata,
} from "@grpc/grpc-js";
import { Failure, failureOf } from "./failure.ts";
import type { Procedure } from "./messages.ts";

// etcd ends a connection whose client pings more often than every five seconds while nothing else happens
// (--grpc-keepalive-min-time). Pings are what finds a dead connection in the end; watches and calls notice sooner, since they
// know when an answer is due. The long timeout is for a process that is busy: it reads the answer late.
const OPTIONS: ChannelOptions = {
  "grpc.keepalive_time_ms": 6000,
  "grpc.keepalive_timeout_ms": 10_000,
  "grpc.initial_reconnect_backoff_ms": 100,
  "grpc.max_reconnect_backoff_ms": 1000,
  "grpc.max_receive_message_length": -1,
  "grpc.max_send_message_length": -1,
  "grpc-node.flow_control_window": 4 * 1024 * 1024,
  "grpc.dns_min_time_between_resolutions_ms": 1000,
  // What the environment or a TXT record says is for others.
  "grpc.enable_http_proxy": 0,
  "grpc.service_config_disable_resolution": 1,
  // Connections are this client's own: another one has other certificates, and closes at another time.
  "grpc.use_local_subchannel_pool": 1,
  "grpc.enable_channelz": 0,
  "grpc.client_idle_timeout_ms": 2 ** 31 - 1,
};

export class Member {
  /** `host:port` */
  readonly name: string;
  readonly #credentials: ChannelCredentials;
  readonly #calls = new Set<ClientUnaryCall>();
  #client: Client;

  constructor(name: string, credentials: ChannelCredentials) {
    this.name = name;
    this.#credentials = credentials;
    this.#client = this.#connect();
  }

  #connect(): Client {
    return new Client(`dns:${this.name}`, this.#credentials, OPTIONS);
  }

  /**
   * Waits until there is a connection on which something can be sent, or a reason why there is none: the next call tells it.
   * @param deadlineMs as Date.now
   * @throws Failure
   */
  async reach(deadlineMs: number): Promise<void> {
    const channel = this.#client.getChannel();
    const started = Date.now();
    for (;;) {
      const state = channel.getConnectivityState(true);
      if (state !== connectivityState.IDLE && state !== connectivityState.CONNECTING) return;
      const passed = await new Promise<Error | undefined>((resolve) =>
        channel.watchConnectivityState(state, deadlineMs, resolve),
      );
      if (passed === undefined) continue;
      const text = `no connection within ${Date.now() - started} ms`;
      throw new Failure("unavailable", text, { elsewhere: true, untouched: true });
    }
  }

  /** @throws Failure */
  call<Request, Response>(
    procedure: Procedure<Request, Response>,
    request: Request,
    metadata: Metadata,
    deadlineMs: number,
  ): Promise<Response> {
    const { path, requestSerialize, responseDeserialize } = procedure;
    const started = Date.now();
    return new Promise((resolve, reject) => {
      const call = this.#client.makeUnaryRequest(
        path,
        requestSerialize,
        responseDeserialize,
        request,
        metadata,
        { deadline: deadlineMs },
        (error, response) => {
          this.#calls.delete(call);
          if (error === null) resolve(response as Response);
          else if (Date.now() >= deadlineMs) {
            // Perhaps the connection is dead, and says nothing for that reason.
            this.renew();
            const text = `no answer within ${Date.now() - started} ms`;
            reject(new Failure("unavailable", text, { elsewhere: true }));
          } else reject(failureOf(error));
        },
      );
      this.#calls.add(call);
    });
  }

  stream<Request, Response>(
    procedure: Procedure<Request, Response>,
    metadata: Metadata,
  ): ClientDuplexStream<Request, Response> {
    const { path, requestSerialize, responseDeserialize } = procedure;
    return this.#client.makeBidiStreamRequest(path, requestSerialize, responseDeserialize, metadata);
  }

  /** Makes the next call take a new connection. What runs on the old one goes on. */
  renew(): void {
    const old = this.#client;
    this.#client = this.#connect();
    old.close();
  }

  /** Ends all calls. Streams are for who opened them to end. */
  close(): void {
    for (const call of this.#calls) call.cancel();
    this.#client.close();
  }
}
