// Who makes the pages of a batch's papers.

import { UsageError } from "../../files/errors.js";
import type { Register } from "../register/register.js";
import type { Printer } from "./papers.js";

/** As the settings of the register say. */
export async function printerOf(_register: Register): Promise<Printer> {
  throw new UsageError("--labels, --pin-letters: this dsc prints no paper");
}
