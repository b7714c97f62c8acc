// The documents of the project, and their contents.

import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { ROOT } from "../../host-tools/files/project.js";

const TOP_FOLDERS = ["board", "docs", "firmware", "host-tools", "packaging", "scripts", "sim", "test"];
const OTHER_LANGUAGE = /guide\.(?!en)\w+\.md$/;

/** Every document, by its path from the top folder with slashes. */
export function documents(): string[] {
  const top = readdirSync(ROOT).filter(isDocument);
  const hidden = readdirSync(join(ROOT, ".github"), { recursive: true, encoding: "utf8" }).map(
    (name) => `.github/${name}`,
  );
  return [...top, ...hidden.filter(isDocument), ...projectFiles().filter(isDocument)];
}

/** Those in English; the guides in other languages are left out. */
export function englishDocuments(): string[] {
  return documents().filter((path) => !OTHER_LANGUAGE.test(path));
}

/** Every file and folder in the top folders, by its path with slashes. */
export function projectFiles(): string[] {
  return TOP_FOLDERS.flatMap((folder) => [
    folder,
    ...readdirSync(join(ROOT, folder), { recursive: true, encoding: "utf8" }).map(
      (name) => `${folder}/${name.split("\\").join("/")}`,
    ),
  ]);
}

/** The text of a document. */
export function documentAt(path: string): string {
  return readFileSync(join(ROOT, path), "utf8");
}

function isDocument(name: string): boolean {
  return name.endsWith(".md");
}
