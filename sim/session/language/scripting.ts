// Builds docs/SCRIPTING.md from the table of commands; `dsc-sim help --markdown` prints it.

import { titleOf } from "./help.js";
import { COMMANDS, type Command, GROUPS, type Group } from "./table.js";

const HEAD = `# Scripts for the simulator

A script is a command file that operates a card: each line is a key, a time, a power cut or an expectation. This page is
generated from the simulator's table of commands (\`npx -s dsc-sim help --markdown > docs/SCRIPTING.md\`), and the tests run
every script on it. In a terminal, \`npx dsc-sim help\` lists the commands, and \`npx dsc-sim help hold\` explains one.

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
Write it to a file, \`login.dsc\`, and run it:
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
# OK shows the lock code. unlock types the unlock code that the help desk computes.
ok
expect-state LOCK_CODE
unlock
expect NEW>
# Enter a new PIN twice.
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
[CARD.md](CARD.md) describes what the card does on each screen.

## How a script is written
- Each line is one command. Blanks at its ends and blank lines are ignored; a line that begins with \`#\` is a comment. Lines
  end with LF, CRLF or CR. Commands are in lower case: \`hold press\`, not \`HOLD PRESS\`.
- The setup lines, listed below under *The card*, come first. What they do not say comes from the command line; without
  either, the card is blank.
- **Time is the card's own.** Nothing sleeps: \`wait 300000\` takes no longer than \`wait 1\`. A line reports when its time has
  passed. No time passes between two lines.
- **Times are exact to the millisecond.** A key acts 20 ms after its contact moves, since the card waits for bouncing to
  end, and each key press ends with 40 ms up. So a screen that \`ok\` brings is 20 ms old when the line reports: \`LEFT n\`,
  which shows for 2 s, is still there after \`wait 1979\` and gone 1 ms later.
- KEY is \`press\`, \`ok\` or a digit. MS is a time in milliseconds, MV a voltage in millivolts. HEX has two digits for each byte.
- TEXT is what the screen shows, without the blanks at its end, or \`/REGEX/\`, a JavaScript regular expression without flags,
  which may match anywhere in the text: \`expect /^LEFT [1-4]$/\`. A text that begins with a slash and does not end with one is
  refused.
- States have the names that reports use: \`OFF\`, \`PIN\`, \`CHALLENGE\` … \`expect-state\` lists all of them, and the diagram in
  [CARD.md](CARD.md#states) shows the screen of each.

## Where a script runs
| | |
|---|---|
| \`dsc-sim run FILE…\` | plays each file on a fresh card and prints TAP; exit code 1 if one failed |
| \`dsc-sim --headless\` | executes commands from stdin, one at a time, and prints a line of JSON for each; exit code 1 if a line had an error |
| \`dsc-sim --record FILE\` | makes a recording: writes what is done in the terminal, or by commands on stdin, as a script that \`run\` replays |
| \`dsc-sim api\` | executes one line for each HTTP request: [API.md](API.md) |
| \`dsc-sim monkey\` | makes random steps, and writes a difference that it finds as a script, \`monkey-SEED.dsc\`: [INVARIANTS.md](INVARIANTS.md) |

## What a line reports
\`{"t":1040,"on":true,"state":"PIN","display":"PIN>"}\` has the card's clock in ms, whether it is on, the name of its state, and
its screen without the blanks at the end. A report may also have:

| | |
|---|---|
| \`"error":"…"\` | the line was wrong, or its expectation was not met |
| \`"line":5\` | with an error: the number of the line, from 1 |
| \`"expected":"CHALLNG>"\`, \`"actual":"PIN>"\` | with an error of a command that expects something, such as \`expect\`, \`until\` or \`answer\` |
| \`"tx":"c001…"\` | the bytes that the card sent on the serial line since the last report, in hex |
| \`"cut":true\` | power was cut |
| \`"ops":12\` | flash operations so far, for \`flash-ops\` |

A wrong line does not change the card.

## When a script fails
\`run\` stops a file at the first line that fails and continues with the next file. The TAP has a block for the failure, with
\`message\`, \`file\`, \`line\`, \`expected\`, \`actual\`, and the card's \`t\`, \`state\` and \`display\`.

| option of \`run\` | |
|---|---|
| \`--keep-going\` | continues a file after a line that failed; \`more\` in its block lists further failures |
| \`--junit FILE\` | also writes the results as JUnit XML |
| \`--coverage\` | prints which states and transitions of the card were visited, and which were not |
| \`--demo\`, \`--seed N\` | apply to files without setup lines, and to files without \`seed\`; a recording needs neither |
| \`--port PATH\` | plays on a board with a front panel. Time is real there: \`wait 30000\` takes half a minute. \`expect\`, \`expect-state\`, \`answer\` and \`unlock\` give the board up to 1.5 s to show the screen. \`until\` may still see the previous screen, so \`expect\` the new one first. The card is turned off before each file and keeps its flash, so its PIN and its tries are those that the last file left. A board in QEMU on a busy computer is late, and a script that depends on times may fail |

Exit codes: 0 all files passed; 1 a file failed; 2 wrong usage or an unusable file; 3 no such port, or the card is gone; 141
nobody read the TAP.

A recording begins with the version of the simulator and the hash of the firmware that it was made with; \`run\` warns if
the firmware is another one now. A recording ends with \`end\`; a truncated one fails.

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

/** Arguments that the introduction or the command's own sentence explains. */
const SAID: ReadonlySet<string> = new Set(["KEY", "MS", "MV", "TEXT", "HOW", "FILE"]);
