// Where the checkout is, seen from the compiled tests.

import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

/** The top folder of the checkout. */
export const ROOT = join(dirname(fileURLToPath(import.meta.url)), "..", "..", "..", "..");
