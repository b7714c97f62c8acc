// The project itself: formatted, linted, its rules of import kept, its packages pinned.

import { spawnSync } from "node:child_process";
import { readdirSync, readFileSync } from "node:fs";
import { dirname, join, relative } from "node:path";
import * as assert from "uvu/assert";
import { ROOT } from "./support/root.js";
import { suite } from "./support/suite.js";

const project = suite("project");
const DESIGN = readFileSync(join(ROOT, "docs", "DESIGN.md"), "utf8");

project("is formatted and linted", () => {
  const biome = join(ROOT, "node_modules", "@biomejs", "biome", "bin", "biome");
  const result = spawnSync(process.execPath, [biome, "ci", "--colors=off", "--max-diagnostics=5", "."], {
    cwd: ROOT,
    encoding: "utf8",
  });
  assert.is(result.status, 0, result.stdout + result.stderr);
});

project("takes suites from test/support/suite.ts, which report to the runner", () => {
  const files = sources("test").filter((file) => file !== "test/support/suite.ts");
  assert.ok(files.includes("test/project.test.ts"));
  for (const file of files) assert.not.match(readFileSync(join(ROOT, file), "utf8"), /^import .* from "uvu";$/m, file);
});

project("pins every package exactly", () => {
  const { dependencies, devDependencies } = JSON.parse(readFileSync(join(ROOT, "package.json"), "utf8"));
  for (const [name, version] of Object.entries({ ...dependencies, ...devDependencies })) {
    assert.match(String(version), /^\d+\.\d+\.\d+$/, name);
  }
});

project("explains every package in docs/DESIGN.md", () => {
  const { dependencies, devDependencies } = JSON.parse(readFileSync(join(ROOT, "package.json"), "utf8"));
  assert.equal(explained("Pinned exactly"), Object.keys({ ...dependencies, ...devDependencies }).sort());
});

project("explains every package of Debian in docs/DESIGN.md", () => {
  const script = readFileSync(join(ROOT, "scripts", "debian.mjs"), "utf8");
  const installed = [...script.matchAll(/^ {2}"?([\w-]+)"?: "\//gm)].map((match) => match[1] as string);
  assert.equal(explained("From Debian"), installed.sort());
});

/** The names in the first column of the table after these words. */
function explained(words: string): string[] {
  const table = (DESIGN.split(words)[1] ?? "").split("|---|---|\n")[1]?.split("\n\n")[0] ?? "";
  const cells = table.split("\n").flatMap((row) => row.split("|")[1]?.split(",") ?? []);
  return cells
    .map((name) => name.trim())
    .filter((name) => name !== "")
    .sort();
}

project("keeps the firmware to itself, and its crypto to itself", () => {
  for (const file of sources("firmware")) {
    const home = file.startsWith("firmware/crypto/") ? "firmware/crypto/" : "firmware/";
    for (const target of imports(file)) assert.ok(target.startsWith(home), `${file} imports ${target}`);
  }
});

project("imports in the firmware as docs/DESIGN.md says", () => {
  const lines = (/only:\n```\n(.*?)```/s.exec(DESIGN)?.[1] ?? "").trimEnd().split("\n");
  const level = new Map(
    lines.flatMap((line, at) => (line.split(/ {2,}/)[0] ?? "").split(" ").map((name) => [name, at])),
  );
  const files = sources("firmware").filter((file) => !file.startsWith("firmware/crypto/"));
  assert.equal([...level.keys()].sort(), files.map(nameOf).sort());
  const at = (file: string) => level.get(nameOf(file)) as number;
  for (const file of files) {
    const above = imports(file).filter((target) => !target.startsWith("firmware/crypto/") && at(target) <= at(file));
    assert.equal(above, [], file);
  }
});

project("keeps host tools to themselves", () => {
  for (const file of sources("host-tools")) {
    const foreign = imports(file).filter((target) => !/^(host-tools\/|firmware\/wire)/.test(target));
    assert.equal(foreign, [], file);
  }
});

project("shares with the firmware only the file of wire numbers", () => {
  for (const file of [...sources("sim"), ...sources("host-tools")]) {
    const foreign = imports(file).filter((target) => target.startsWith("firmware/"));
    for (const target of foreign) assert.is(target, "firmware/wire.js", `${file} imports ${target}`);
  }
});

project("keeps Node out of the card class and out of the model", () => {
  const model = ["model", "keys", "commands"].map((name) => `sim/model/${name}.ts`);
  for (const file of ["sim/card.ts", "sim/flash.ts", "sim/random.ts", ...model]) {
    assert.not.match(readFileSync(join(ROOT, file), "utf8"), /from "node:|\bBuffer\b|\bprocess\b/, file);
  }
});

project("keeps blessed behind one file", () => {
  const users = sources("sim").filter((file) => /from "blessed"/.test(readFileSync(join(ROOT, file), "utf8")));
  assert.equal(users, ["sim/terminal/toolkit.ts"]);
});

/** firmware/card.ts: card. */
function nameOf(file: string): string {
  return file.replace(/^firmware\//, "").replace(/\.ts$/, "");
}

function sources(folder: string): string[] {
  const names = readdirSync(join(ROOT, folder), { recursive: true, encoding: "utf8" });
  const files = names.filter((name) => name.endsWith(".ts")).map((name) => `${folder}/${name.split("\\").join("/")}`);
  assert.ok(files.flatMap(imports).length > 0, `${folder} imports nothing?`);
  return files;
}

/** The files of this project that `file` imports, seen from the top folder. */
function imports(file: string): string[] {
  const text = readFileSync(join(ROOT, file), "utf8");
  return [...text.matchAll(/from "(\.[^"]+)"/g)].map((match) =>
    relative(ROOT, join(ROOT, dirname(file), match[1] as string))
      .split("\\")
      .join("/"),
  );
}

project.run();
