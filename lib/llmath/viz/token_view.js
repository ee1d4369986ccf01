/* global kit, bpe */
// Tokens as people see them: coloured by their ids, with every sign visible.
const HUES = 5;
const MARKS = { " ": "␣", "\n": "↵", "\t": "→", "\r": "␍", "\u00a0": "⍽" };

/** What is shown of a token: its bytes as text, white space and other blanks seen. */
function label(bytes) {
  const text = bpe.readable(bytes)
    .replace(/[ \n\t\r\u00a0]/g, (sign) => MARKS[sign])
    .replace(/[\0-\x1f]/g, (sign) => String.fromCharCode(0x2400 + sign.charCodeAt(0)))
    .replace(/[\x7f-\x9f\u2028\u2029]|\p{Cf}|\p{Co}|\p{Cn}/gu, (sign) =>
      `U+${sign.codePointAt(0).toString(16).toUpperCase().padStart(4, "0")}`);
  return /^\p{M}/u.test(text) ? `◌${text}` : text;
}

const hex = (bytes) =>
  [...bytes].map((byte) => byte.toString(16).toUpperCase().padStart(2, "0")).join(" ");

const hue = (id) => `tok-${(id * 7) % HUES}`;

/** A token that only shows itself. */
const chip = (id, bytes, more = {}) => kit.make("span", {
  ...more, class: `tok ${hue(id)} ${more.class ?? ""}`.trim(), title: `${id}: ${hex(bytes)}`,
}, label(bytes));

const count = (n, one, many = `${one}s`) =>
  `${n.toLocaleString("en")}\u00a0${n === 1 ? one : many}`;

/** A text box with its label; `changed` gets what it holds. */
function box(text, changed) {
  const id = kit.id();
  const area = kit.make("textarea", { id, rows: 4, spellcheck: "false",
    autocapitalize: "off", autocomplete: "off", oninput: () => changed(area.value) });
  return { area, element: kit.make("div", { class: "tok-box" },
    kit.make("label", { for: id }, text), area) };
}

export default { box, chip, count, hex, hue, label };
