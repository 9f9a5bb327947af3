// An authority and what it signed, made with openssl for one test.

import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { run } from "../../lab/network.ts";

export interface SignedPair {
  readonly certificatePath: string;
  readonly keyPath: string;
  readonly certificate: Buffer;
  readonly key: Buffer;
}

export interface TestCertificates {
  readonly caPath: string;
  readonly ca: Buffer;
  readonly server: SignedPair;
  readonly client: SignedPair;
  remove(): void;
}

/** @param serverNames subjectAltName of the server's certificate */
export async function makeCertificates(serverNames = "IP:127.0.0.1"): Promise<TestCertificates> {
  const directory = mkdtempSync(join(tmpdir(), "certificates-"));
  const path = (name: string) => join(directory, name);
  const newKey = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"];
  const [caPath, caKeyPath] = [path("ca.pem"), path("ca.key")];
  const authority = ["-x509", "-days", "2", "-subj", "/CN=authority", "-keyout", caKeyPath, "-out", caPath];
  await run("openssl", ["req", ...newKey, ...authority]);

  const sign = async (name: string, extensions: string): Promise<SignedPair> => {
    const [keyPath, requestPath, certificatePath] = [path(`${name}.key`), path(`${name}.csr`), path(`${name}.pem`)];
    writeFileSync(path(`${name}.ext`), extensions);
    await run("openssl", ["req", ...newKey, "-subj", `/CN=${name}`, "-keyout", keyPath, "-out", requestPath]);
    const by = ["-CA", caPath, "-CAkey", caKeyPath, "-CAcreateserial", "-days", "1", "-extfile", path(`${name}.ext`)];
    await run("openssl", ["x509", "-req", "-in", requestPath, ...by, "-out", certificatePath]);
    return { certificatePath, keyPath, certificate: readFileSync(certificatePath), key: readFileSync(keyPath) };
  };
  return {
    caPath,
    ca: readFileSync(caPath),
    // etcd's gateway is a client of the member itself, and shows the same certificate.
    server: await sign("server", `subjectAltName=${serverNames}\nextendedKeyUsage=serverAuth,clientAuth\n`),
    client: await sign("client", "extendedKeyUsage=clientAuth\n"),
    remove: () => rmSync(directory, { recursive: true, force: true }),
  };
}
