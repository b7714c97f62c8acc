// Master keys of transport keys, as --transport and `dsc keys` name them: in a file, from standard input, typed, or in
// a token.

import type { Master } from "../card/transportkeys.js";
import { isTokenUri } from "../desk/custody/uri.js";
import { readTransportKey } from "../files/secretfile.js";
import { readSecret, type SecretFileOptions } from "./secretoptions.js";

/** The prompt for a typed transport key. */
const PROMPT = "Transport key in hexadecimal";

/** The master key at a path or a pkcs11: URI. Wipe it after use (wipeMaster). */
export async function readMaster(path: string, options: SecretFileOptions): Promise<Master> {
  if (!isTokenUri(path)) return readSecret(path, PROMPT, options, readTransportKey);
  const { masterInToken } = await import("./tokens.js");
  return masterInToken(path, options);
}
