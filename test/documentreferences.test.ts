// Everything that documents name exists: files, folders, links with their anchors, commands with their options.

import { readFileSync } from "node:fs";
import { join, posix } from "node:path";
import type { Command } from "commander";
import * as assert from "uvu/assert";
import { IMAGES } from "../board/builder/images.js";
import { program } from "../host-tools/cli/main.js";
import { ROOT } from "../host-tools/files/project.js";
import { commands as simulatorCommands } from "../sim/cli/main.js";
import { CAMPAIGNS } from "./evidence/campaigns.js";
import { documentAt, documents, englishDocuments, projectFiles } from "./support/documents.js";
import { suite } from "./support/suite.js";

const test = suite("references of documents");

const FILES = new Set(projectFiles());
const SCRIPTS = Object.keys(JSON.parse(readFileSync(join(ROOT, "package.json"), "utf8")).scripts as object);
const TESTS = [...FILES].filter((name) => name.endsWith(".test.ts")).map((name) => name.replace(/^test\//, ""));
const PROGRAMS: Readonly<Record<string, Command>> = { dsc: await program(() => {}), "dsc-sim": simulatorCommands() };

const LINK = /\]\(([^)\s]+)\)|^\[[^\]]+\]: (\S+)$/gm;
/** A path from the top folder, or a module as in an import. A part in capitals is a placeholder. */
const PATH = /(?<![\w./<-])(?:board|docs|firmware|host-tools|packaging|scripts|sim|test)\/[\w./-]*[\w/]/g;
/** Addresses, and names that `npm test` looks for. */
const NO_PATH = /https?:\S+|npm test --(?: [\w./-]+)+/g;
const PLACEHOLDER = /\b(?:NAME|FILE|N)\b/;
/** A document without its folder, in prose. */
const DOCUMENT_NAME = /(?<![\w/])[A-Z]+\.md\b/g;
/** Words of a shell before a command. */
const BEFORE_A_COMMAND = /^(?:\$ |exec |npx |-s |[A-Z_]+=\S* )*/;
/** The arguments of npm itself, apart from those of the program. */
const NPM = /^npm (?:run (?:-s )?(?<script>[\w:-]+)|(?<short>test|start))(?: -- (?<args>.*))?$/;

test("every link leads to a file, and its anchor to a heading", () => {
  let anchors = 0;
  for (const path of documents()) {
    for (const target of linksIn(documentAt(path))) {
      if (/^(?:https:|mailto:)/.test(target)) continue;
      assert.is(brokenLink(path, target), undefined, path);
      if (target.includes("#")) anchors++;
    }
  }
  assert.ok(anchors >= 3, `only ${anchors} anchors`);
});

test("every path in a document exists", () => {
  let named = 0;
  for (const path of documents()) {
    const paths = pathsIn(documentAt(path));
    assert.equal(
      paths.filter((name) => !FILES.has(name) && !FILES.has(`${name}.ts`)),
      [],
      path,
    );
    named += paths.length;
  }
  assert.ok(named >= 200, `only ${named} paths`);
});

test("every document named in prose exists", () => {
  const names = new Set(documents().map((path) => posix.basename(path)));
  for (const path of englishDocuments()) {
    const missing = [...documentAt(path).matchAll(DOCUMENT_NAME)]
      .map(([name]) => name)
      .filter((name) => !names.has(name));
    assert.equal(missing, [], path);
  }
});

test("every command in a document exists, with its options", () => {
  let named = 0;
  for (const path of documents()) {
    for (const command of commandsIn(documentAt(path))) {
      assert.is(mistakeIn(command), undefined, `${path}: ${command}`);
      named++;
    }
  }
  assert.ok(named >= 150, `only ${named} commands`);
});

test("every command of dsc and dsc-sim is named in a document", () => {
  const named = englishDocuments().flatMap((path) => commandsIn(documentAt(path)));
  for (const [name, top] of Object.entries(PROGRAMS))
    for (const words of wordsOf(top)) assert.ok(isNamed(`${name} ${words}`, named), `${name} ${words}`);
});

test("docs/README.md leads to every document of docs", () => {
  const index = documentAt("docs/README.md");
  for (const name of documents().filter((path) => /^docs\/(?!README)/.test(path)))
    assert.ok(index.includes(`](${posix.basename(name)})`), name);
});

test("a missing link, anchor, path and command are noticed", () => {
  assert.is(brokenLink("docs/CARD.md", "FLASH.md"), undefined);
  assert.is(brokenLink("docs/CARD.md", "#screens"), undefined);
  assert.is(brokenLink("docs/CARD.md", "../SECURITY.md#what-counts"), undefined);
  assert.ok(brokenLink("docs/CARD.md", "NOTHING.md"));
  assert.ok(brokenLink("docs/CARD.md", "#no-such-heading"));
  assert.equal(linksIn("[a](b.md#c) ![d](e.svg)\n[f]: g.md\n`[no](link)`"), ["b.md#c", "e.svg", "g.md"]);
  assert.equal(pathsIn("`sim/core/`, test/run.ts. test/scenarios/NAME.dsc https://a.b/test/x `npm test -- sim/x`"), [
    "sim/core",
    "test/run.ts",
  ]);
  assert.equal(anchorsIn("# A b\n```\n# no\n```\n## A `b`, c-d\n# A b\n"), ["a-b", "a-b-c-d", "a-b-1"]);
  for (const right of [
    "dsc info --port X --json",
    "dsc --json info",
    "dsc",
    "dsc-sim --demo",
    "npm test -- firmware/pin",
    "npm run bench",
  ])
    assert.is(mistakeIn(right), undefined, right);
  for (const wrong of ["dsc nothing", "dsc info --nothing", "dsc keys nothing", "dsc-sim --nothing", "npm run nothing"])
    assert.ok(mistakeIn(wrong), wrong);
  for (const wrong of ["npm test -- no/such/test", "npm run evidence -- nothing", "npm run board -- nothing"])
    assert.ok(mistakeIn(wrong), wrong);
  assert.ok(isNamed("dsc keys show", ["dsc keys new k", "dsc keys show k"]));
  assert.not.ok(isNamed("dsc keys show", ["dsc keys new k", "dsc keys showing"]));
  assert.equal(commandsIn("`npx dsc info`\n```sh\nA=b npx dsc \\\n  ports   # c\nnpm test | dsc-sim run x\n```\n"), [
    ...["dsc ports", "npm test", "dsc-sim run x", "dsc info"],
  ]);
});

// ---- links ----

/** Targets of links and images, code left out. */
function linksIn(text: string): string[] {
  return [...withoutCode(text).matchAll(LINK)].map(([, target, listed]) => (target ?? listed) as string);
}

/** What is wrong with a link, or undefined. */
function brokenLink(from: string, link: string): string | undefined {
  const [file = "", anchor] = link.split("#");
  const target = file === "" ? from : posix.join(posix.dirname(from), file);
  if (!FILES.has(target) && !documents().includes(target) && target !== "LICENSE") return `${link}: no such file`;
  if (anchor === undefined || anchorsIn(documentAt(target)).includes(anchor)) return undefined;
  return `${link}: no such heading`;
}

/** The anchors of a document's headings, as GitHub makes them. */
function anchorsIn(text: string): string[] {
  const seen = new Map<string, number>();
  const headings = [...withoutFences(text).matchAll(/^#+ (.*)$/gm)].map(([, heading = ""]) => heading);
  return headings.map((heading) => {
    const words = heading.toLowerCase().replace(/[^\p{L}\p{N}\s_-]/gu, "");
    const anchor = words.replace(/\s/g, "-");
    const before = seen.get(anchor) ?? 0;
    seen.set(anchor, before + 1);
    return before === 0 ? anchor : `${anchor}-${before}`;
  });
}

// ---- paths ----

function pathsIn(text: string): string[] {
  const paths = [...text.replace(NO_PATH, "").matchAll(PATH)].map(([path]) => path.replace(/\/$/, ""));
  return paths.filter((path) => !PLACEHOLDER.test(path));
}

// ---- commands ----

/** Command lines of npm, `dsc` and `dsc-sim`: those in blocks for a shell, then those in prose. */
function commandsIn(text: string): string[] {
  const blocks = [...text.matchAll(/^```sh\n(.*?)^```/gms)].map(([, block = ""]) => block.replace(/\\\n\s*/g, ""));
  const lines = blocks.flatMap((block) => block.replace(/<<'?(\w+)'?\n.*?\n\1$/gms, "").split("\n"));
  const spans = [...withoutFences(text).matchAll(/`([^`]+)`/g)].map(([, span = ""]) => span.replace(/\s+/g, " "));
  const parts = [...lines.map((line) => line.replace(/\s# .*$/, "")), ...spans].flatMap((line) =>
    line.split(/ (?:\||\|\||&&|;|>|<|2>) ?/),
  );
  const bare = parts.map((part) => part.trim().replace(BEFORE_A_COMMAND, "").replace(/\s+/g, " "));
  return bare.filter((part) => /^(?:npm (?:run|test|start)|dsc|dsc-sim)(?: |$)/.test(part));
}

/** What is wrong with a command line, or undefined. */
function mistakeIn(line: string): string | undefined {
  const [name = "", ...words] = line.split(" ");
  const called = PROGRAMS[name];
  return called ? mistakeWith(called, words) : mistakeOfNpm(line);
}

function mistakeOfNpm(line: string): string | undefined {
  const { script, short, args = "" } = NPM.exec(line)?.groups ?? {};
  const called = script ?? short;
  if (called === undefined || !SCRIPTS.includes(called)) return "no such script";
  const names = args.split(" ").filter((word) => /^[a-z]/.test(word) && !PLACEHOLDER.test(word));
  if (called === "test") return names.find((part) => !TESTS.some((file) => file.includes(part)));
  const known: readonly string[] | undefined = {
    evidence: CAMPAIGNS.map((one) => one.name),
    board: Object.keys(IMAGES),
  }[called];
  // What follows an option is its value.
  return /--(?:only|flash|port)/.test(args) ? undefined : names.find((word) => known && !known.includes(word));
}

function mistakeWith(top: Command, words: readonly string[]): string | undefined {
  const chain = [top];
  const options: string[] = [];
  let isValue = false;
  for (const word of words) {
    const current = chain.at(-1) as Command;
    const inner = current.commands.find((one) => one.name() === word || one.aliases().includes(word));
    if (word.startsWith("--")) {
      const name = word.split("=")[0] as string;
      options.push(name);
      isValue = !word.includes("=") && optionOf(chain, name)?.required === true;
    } else if (isValue) isValue = false;
    else if (inner) chain.push(inner);
    else if (word === "help") return undefined;
    else if (current.commands.length > 0 && /^[a-z]/.test(word)) return `${word}: no such command`;
  }
  const unknown = options.find((name) => !["--help", "--version"].includes(name) && !optionOf(chain, name));
  return unknown && `${unknown}: no such option`;
}

/** The commands below one, each as the words that lead to it. */
function wordsOf({ commands }: Command): string[] {
  return commands.flatMap((inner) => {
    const below = wordsOf(inner).map((words) => `${inner.name()} ${words}`);
    return below.length > 0 ? below : [inner.name()];
  });
}

/** Whether one of the command lines is the command, with or without arguments. */
function isNamed(command: string, lines: readonly string[]): boolean {
  return lines.some((line) => `${line} `.startsWith(`${command} `));
}

function optionOf(chain: readonly Command[], name: string) {
  return chain.flatMap((command) => command.options).find((option) => option.long === name);
}

function withoutFences(text: string): string {
  return text.replace(/^```.*?^```/gms, "");
}

function withoutCode(text: string): string {
  return withoutFences(text).replace(/`[^`]*`/g, "");
}

test.run();
