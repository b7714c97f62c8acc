// Seed files in the form of other tools. Their protection may be weak: one key, and no separate one for the MACs.

import { createCipheriv, createHmac, pbkdf2Sync } from "node:crypto";

/** The token key in them. */
export const FOREIGN_KEY = Buffer.alloc(20, 0x31);

/** Without a PRF, and with its parameters in another namespace than ours. */
export const DERIVED_KEY = `<d:DerivedKey xmlns:d="http://www.w3.org/2009/xmlenc11#">
  <d:KeyDerivationMethod Algorithm="http://www.rsasecurity.com/rsalabs/pkcs/schemas/pkcs-5v2-0#pbkdf2">
    <d:PBKDF2-params><Salt><Specified>c2FsdHNhbHQ=</Specified></Salt>
      <IterationCount>2000</IterationCount><KeyLength>16</KeyLength></d:PBKDF2-params>
  </d:KeyDerivationMethod></d:DerivedKey>`;

/** A file under a passphrase, with PBKDF2 as dsc writes it, but for `change`. */
export function derivedFile(
  passphrase: Uint8Array,
  change: { salt?: number; rounds?: number; prf?: "sha1" | "sha256" },
): string {
  const { salt = 16, rounds = 600_000, prf = "sha256" } = change;
  const salted = Buffer.alloc(salt, 0x73);
  const namespace = prf === "sha1" ? "http://www.w3.org/2000/09/xmldsig#" : "http://www.w3.org/2001/04/xmldsig-more#";
  const header = DERIVED_KEY.replace("c2FsdHNhbHQ=", salted.toString("base64"))
    .replace("2000", String(rounds))
    .replace("</KeyLength>", `</KeyLength><PRF Algorithm="${namespace}hmac-${prf}"/>`);
  return foreignFile(header, pbkdf2Sync(passphrase, salted, rounds, 16, prf), "hmac-sha256");
}

/** A file made by hand: no MACKey (RFC 6030 §6.1.1), a zero vector, padded as XML Encryption §5.2 allows. */
export function foreignFile(encryptionKey: string, key: Buffer, hmac: string): string {
  const plain = Buffer.concat([FOREIGN_KEY, Buffer.from("9f3c5a771122334455aa0c", "hex"), Buffer.of(12)]);
  const cipher = createCipheriv("aes-128-cbc", key, Buffer.alloc(16)).setAutoPadding(false);
  const value = Buffer.concat([Buffer.alloc(16), cipher.update(plain), cipher.final()]);
  const mac = createHmac(hmac.slice("hmac-".length), key).update(value).digest("base64");
  const aes = `<x:EncryptionMethod Algorithm="http://www.w3.org/2001/04/xmlenc#aes128-cbc"/>`;
  const cipherValue = `<x:CipherData><x:CipherValue>${value.toString("base64")}</x:CipherValue></x:CipherData>`;
  return `<KeyContainer Version="1.0" xmlns="urn:ietf:params:xml:ns:keyprov:pskc" xmlns:x="http://www.w3.org/2001/04/xmlenc#">
    <EncryptionKey>${encryptionKey}</EncryptionKey>
    <MACMethod Algorithm="http://www.w3.org/2001/04/xmldsig-more#${hmac}"/>
    <KeyPackage><Key Id="7" Algorithm="urn:ietf:params:xml:ns:keyprov:pskc:ocra">
      <AlgorithmParameters><Suite>OCRA-1:HOTP-SHA1-6:QN08</Suite></AlgorithmParameters>
      <Data><Secret><EncryptedValue>${aes}${cipherValue}</EncryptedValue><ValueMAC>${mac}</ValueMAC></Secret></Data>
    </Key></KeyPackage></KeyContainer>`;
}
