// `npm run messages`: prints all messages of `dsc` and `dsc-sim` to users, for review: file, line, error class or
// function, and text.

import { messages } from "./collect.js";

for (const { file, line, by, text } of messages()) console.log(`${file}:${line}: ${by}: ${text.trimEnd()}`);
