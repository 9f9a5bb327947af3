// Why there is no connection, in words that say what to look at. grpc-js hides the reason in a sentence of its own, and
// OpenSSL names it for those who know its source.

export interface ConnectionTrouble {
  readonly text: string;
  /** It is about certificates, or about who speaks TLS. */
  readonly tls: boolean;
  readonly remedy?: string;
}

const CLIENT_CERTIFICATE =
  "give a client certificate and its key, signed by the authority that etcd has as --trusted-ca-file";

const KNOWN: readonly (readonly [RegExp, ConnectionTrouble])[] = [
  [
    /unable to verify the first certificate|unable to get (local )?issuer certificate|self[- ]signed certificate/i,
    {
      tls: true,
      text: "its certificate is signed by an authority that is not trusted here",
      remedy: "give the certificate of that authority as ca",
    },
  ],
  [
    /certificate has expired/i,
    {
      tls: true,
      text: "its certificate has expired",
      remedy: "renew the member's certificate, and look at the clock here",
    },
  ],
  [
    /certificate is not yet valid/i,
    { tls: true, text: "its certificate is not yet valid", remedy: "look at the clocks of both sides" },
  ],
  [
    /does not match certificate's altnames/i,
    {
      tls: true,
      text: "its certificate is for other names",
      remedy: "name the member as its certificate does, or add this name to the certificate's subjectAltName",
    },
  ],
  [
    /wrong version number|packet length too long|http request/i,
    { tls: true, text: "it does not speak TLS", remedy: "write http:// for members without TLS" },
  ],
  [
    /alert certificate required|alert handshake failure|alert number 116\b/i,
    { tls: true, text: "it wants a client certificate", remedy: CLIENT_CERTIFICATE },
  ],
  [
    /alert (bad certificate|unknown ca|certificate unknown|certificate expired|unsupported certificate|access denied)/i,
    { tls: true, text: "it does not accept the client certificate, or wants one", remedy: CLIENT_CERTIFICATE },
  ],
  // Who does not understand the first bytes ends the connection without a word; so does a proxy with nobody behind it.
  [
    /disconnected before secure TLS connection/,
    {
      tls: false,
      text: "it ended the connection when TLS began; perhaps it does not speak TLS",
      remedy: "write http:// for members without TLS",
    },
  ],
  [
    /Last error: Failed to connect\b/,
    {
      tls: false,
      text: "it ended the connection when HTTP/2 began; perhaps it speaks TLS alone",
      remedy: "write https:// for members with TLS",
    },
  ],
  [/ECONNREFUSED/, { tls: false, text: "connection refused" }],
  [/ETIMEDOUT/, { tls: false, text: "connection timed out" }],
  [/EHOSTUNREACH/, { tls: false, text: "no route to the host" }],
  [/ENETUNREACH/, { tls: false, text: "no route to its network" }],
  [
    /Name resolution failed|ENOTFOUND|EAI_AGAIN/,
    { tls: false, text: "its name is not known", remedy: "check the name, and the resolver of this machine" },
  ],
];

/** @param details as grpc-js or OpenSSL put it */
export function connectionTrouble(details: string): ConnectionTrouble {
  const known = KNOWN.find(([pattern]) => pattern.test(details));
  return known?.[1] ?? { tls: false, text: reasonOf(details) };
}

/** The part that tells something. */
function reasonOf(details: string): string {
  const [, reason = details] = /Last error: (?:Error: )?(.*)/s.exec(details) ?? [];
  return reason
    .replace(/[.\s]*Resolution note:.*/s, "")
    .replace(/\s*\(\d{4}-\d\d-\d\dT[\d:.]+Z\)/, "")
    .trim();
}
