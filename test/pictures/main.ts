// `npm run picture`: draws the pictures in docs/. Logs in on the simulator in a pseudo-terminal and draws its screen
// (terminal.svg), logs in on the board in QEMU and draws its screen (board.svg), draws how it is wired (wiring.svg), and logs in
// on the page in Chromium (web.png).

import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { missingFor } from "../../board/builder/images.js";
import { ROOT } from "../../host-tools/files/project.js";
import { NO_CHROMIUM } from "../support/browser.js";
import { drawScreens, loginOnBoard } from "./board.js";
import { drawFrames, loginInTerminal } from "./terminal.js";
import { photographPage } from "./web.js";
import { drawWiring } from "./wiring.js";

const save = (name: string, picture: string | Uint8Array) => writeFileSync(join(ROOT, "docs", name), picture);
save("terminal.svg", drawFrames(await loginInTerminal()));
save("wiring.svg", drawWiring());
const missing = missingFor("development");
if (missing) console.error(`board.svg stays as it is; to draw it: ${missing}`);
else save("board.svg", drawScreens(await loginOnBoard()));
const page = await photographPage();
if (page) save("web.png", page);
else console.error(`web.png stays as it is; to make it: ${NO_CHROMIUM}`);
