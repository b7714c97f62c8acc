// Builds docs/SCRIPTING.md from the table of commands; `dsc-sim help --markdown` prints it.

import { titleOf } from "./help.js";
import { COMMANDS, type Command, GROUPS, type Group } from "./table.js";

const HEAD = `# Scripts for the simulator

A script plays a card: each line is a key, a time, a power cut or an expectation. This page is generated from the
simulator's own table of commands (\`npx -s dsc-sim help --markdown > docs/SCRIPTING.md\`), and the tests run every script on
it. In a terminal, \`npx dsc-sim help\` lists the commands, and \`npx dsc-sim help hold\` explains one.

## A first script
\`\`\`dsc
# A login. The demo card has the PIN 4071.
demo
hold press
expect PIN>
type 4071
ok
expect CHALLNG>
answer 123456
press
expect
\`\`\`
Put it into a file, \`login.dsc\`, and run it:
\`\`\`sh
npx dsc-sim run login.dsc
\`\`\`
\`demo\` makes the card. \`hold press\` turns it on, as a finger would; \`expect\` fails if the screen shows something else.
\`answer\` types a challenge and checks the response. The last \`press\` turns the card off, and \`expect\` alone expects a
blank screen.

Five wrong PINs lock the card, and the help desk unlocks it:
\`\`\`dsc
demo
hold press
type 1111
ok
expect LEFT 4
until PIN> 3000
type 1111
ok
until PIN> 3000
type 1111
ok
until PIN> 3000
type 1111
ok
until PIN> 3000
type 1111
ok
expect LOCKED
# OK shows the lock code. unlock types what the help desk answers to it.
ok
expect-state LOCK_CODE
unlock
expect NEW>
# A new PIN, twice.
type 2580
ok
expect REP>
type 2580
ok
expect PIN SET
until PIN> 3000
type 2580
ok
answer 123456
\`\`\`
What the card does on each screen is in [CARD.md](CARD.md).

## How a script is written
- One command a line. Blanks at its ends and blank lines are ignored; a line that begins with \`#\` is a comment. Lines end
  with LF, CRLF or CR. Commands are in small letters: \`hold press\`, not \`HOLD PRESS\`.
- The lines under *The card*, below, come first. What they leave out comes from the command line; without either, the card
  is blank.
- **Time is the card's own.** Nothing sleeps: \`wait 300000\` takes no longer than \`wait 1\`. A line reports when its time has
  passed. No time passes between two lines.
- **To the millisecond.** A key acts 20 ms after its contact moves, since the card waits for it to stop bouncing; each key
  ends with 40 ms up. So a screen that \`ok\` brings is already 20 ms old when the line reports: \`LEFT n\`, which stands 2 s, is
  still there after \`wait 1979\` and gone after one more.
- KEY is \`press\`, \`ok\` or a digit. MS are milliseconds, MV millivolts. HEX is two digits for each byte.
- TEXT is what the screen shows, without the blanks at its end, or \`/REGEX/\`, a JavaScript regular expression without flags,
  which may match anywhere in it: \`expect /^LEFT [1-4]$/\`. A text that begins with a slash and does not end with one is
  refused.
- The name of a state is the one in the reports: \`OFF\`, \`PIN\`, \`CHALLENGE\` … All are listed at \`expect-state\`; the diagram
  in [CARD.md](CARD.md#states) shows which screen each one is.

## Where a script runs
| | |
|---|---|
| \`dsc-sim run FILE…\` | each file on a fresh card; prints TAP; exit code 1 if one failed |
| \`dsc-sim --headless\` | commands on stdin, one at a time; for each, a line of JSON on stdout; exit code 1 at the end if a line had an error |
| \`dsc-sim --record FILE\` | writes what is done by hand in the terminal, or by the commands on stdin, as a script that \`run\` replays: a recording |
| \`dsc-sim api\` | a line for each HTTP request: [API.md](API.md) |
| \`dsc-sim monkey\` | plays at random; writes the difference that it finds as a script, \`monkey-SEED.dsc\`: [INVARIANTS.md](INVARIANTS.md) |

## What a line reports
\`{"t":1040,"on":true,"state":"PIN","display":"PIN>"}\`: the card's clock in ms, whether it is on, the name of its state, and its
screen without the blanks at the end. A report may also have:

| | |
|---|---|
| \`"error":"…"\` | the line was wrong, or what it expected did not come |
| \`"line":5\` | with an error: which line it was, counted from 1 |
| \`"expected":"CHALLNG>"\`, \`"actual":"PIN>"\` | with an error of \`expect\`, \`until\`, \`answer\` and their like |
| \`"tx":"c001…"\` | bytes that left on the serial line since the last report, in hex |
| \`"cut":true\` | power was cut |
| \`"ops":12\` | flash operations so far, for \`flash-ops\` |

A line that is wrong leaves the card as it was.

## When a script fails
\`run\` stops at the first line that fails, and goes on with the next file. The TAP has a block for it, with \`message\`, \`file\`,
\`line\`, \`expected\`, \`actual\`, and the card's \`t\`, \`state\` and \`display\`.

| option of \`run\` | |
|---|---|
| \`--keep-going\` | the file goes on after a line that failed; \`more\` in its block lists the others |
| \`--junit FILE\` | the results as JUnit XML, too |
| \`--coverage\` | which states and transitions of the card were visited, and which not |
| \`--demo\`, \`--seed N\` | for files without a line under *The card*, and for files without \`seed\`; a recording needs neither |
| \`--port PATH\` | on a board with a front panel. Time is real there: \`wait 30000\` takes half a minute. \`expect\`, \`expect-state\`, \`answer\` and \`unlock\` give the board up to 1.5 s to show the screen; \`until\` may still see the screen before, so \`expect\` the new one first. The card is turned off before each file, and keeps its flash: its PIN and its tries are those that the file before left. A board in QEMU on a busy computer is late, and a script that depends on times may fail |

Exit codes: 0 all passed; 1 one failed; 2 usage, or a file that cannot be used; 3 no such port, or the card is gone; 141 nobody
read the TAP.

A recording begins with the version of the simulator and the hash of the firmware that it was made with; \`run\` warns if
the firmware is another one now. It ends with \`end\`; one that was cut off fails.

## The commands
`;

/** The document. */
export function scriptingDocument(): string {
  return `${HEAD}${(Object.keys(GROUPS) as Group[]).map(section).join("")}`;
}

function section(group: Group): string {
  const commands = COMMANDS.filter((command) => command.group === group);
  return `\n### ${GROUPS[group]}\n${commands.map(entry).join("\n")}`;
}

function entry(command: Command): string {
  const { says, more, args, simulatorOnly, example } = command;
  const explained = args
    .filter(({ name, is }) => !SAID.has(name) && is !== "")
    .map(({ name, is }) => `${name}: ${is}.`);
  const board = simulatorOnly ? ["Not on a board."] : [];
  return [
    `**\`${titleOf(command)}\`** ${says}.${["", ...(more ? [more] : []), ...explained, ...board].join(" ")}`,
    "```dsc",
    ...example,
    "```\n",
  ].join("\n");
}

/** Arguments that are explained once for all, or by the command's own sentence. */
const SAID: ReadonlySet<string> = new Set(["KEY", "MS", "MV", "TEXT", "HOW", "FILE"]);
