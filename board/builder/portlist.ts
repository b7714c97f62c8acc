// The ports to a chip, each in a line: its name is that of its folder in board/ports.

export { PORT as microbit } from "../ports/microbit/port.js";
export { PORT as netduino2 } from "../ports/netduino2/port.js";
export { PORT as sifive_e } from "../ports/sifive_e/port.js";
export { PORT as template } from "../ports/template/port.js";
