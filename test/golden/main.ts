// `npm run golden`: redraws the pictures of test/golden/. Read the difference before you commit it.

import { readdirSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { ROOT } from "../../host-tools/files/project.js";
import { pictures } from "./pictures.js";

const FOLDER = join(ROOT, "test", "golden");

for (const name of readdirSync(FOLDER)) if (name.endsWith(".txt")) rmSync(join(FOLDER, name));
const drawn = pictures();
for (const [name, picture] of drawn) writeFileSync(join(FOLDER, name), picture);
console.log(`${drawn.size} pictures are in test/golden/`);
