// Text as roff, the language of man pages.

/** A term and its description, as in a list of options. */
export interface Item {
  readonly term: string;
  readonly text: string;
}

/** The title of a page: its name, its version, its manual. */
export function head(name: string, version: string): string {
  return `.TH ${name.toUpperCase().replaceAll("-", "\\-")} 1 "" "dsc\\-card ${version}" "Digital Security Card+"\n`;
}

export function section(title: string, ...parts: readonly string[]): string {
  return parts.some((part) => part !== "") ? `.SH ${quoted(title)}\n${parts.join("")}` : "";
}

export function subsection(title: string, ...parts: readonly string[]): string {
  return `.SS ${quoted(title)}\n${parts.join("")}`;
}

/** Text that may be filled into lines. */
export function paragraph(text: string): string {
  return text === "" ? "" : `.PP\n${lines(text)}\n`;
}

/** Text whose line breaks are kept; nothing for an empty text. */
export function verbatim(text: string): string {
  return text === "" ? "" : `.PP\n.nf\n${lines(text)}\n.fi\n`;
}

export function list(items: readonly Item[]): string {
  return items.map(({ term, text }) => `.TP\n\\fB${escaped(term)}\\fR\n${lines(text)}\n`).join("");
}

/** One paragraph whose line breaks are kept, such as a line of usage. */
export function bold(text: string): string {
  return `.PP\n\\fB${escaped(text)}\\fR\n`;
}

/** A line that begins with a dot or an apostrophe would be a command to roff. */
function lines(text: string): string {
  return text
    .split("\n")
    .map((line) => escaped(line).replace(/^(?=[.'])/, "\\&"))
    .join("\n");
}

/** Options need real hyphens, so that readers can search for them and copy them. */
function escaped(text: string): string {
  return text.replaceAll("\\", "\\e").replaceAll("-", "\\-");
}

function quoted(text: string): string {
  return `"${escaped(text).replaceAll('"', "\\(dq")}"`;
}
