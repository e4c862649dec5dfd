// Says, while somebody types, how hard their new password would be to guess: by its
// length, the kinds of its characters, how often they repeat, and what everybody knows
// of them. It is advice; the server judges, against its list of common passwords too.
const password = document.querySelector("input[autocomplete=new-password]");
const note = document.getElementById("strength");

const kinds = [[/[a-z]/, 26], [/[A-Z]/, 26], [/[0-9]/, 10], [/[^a-zA-Z0-9]/, 32]];

function level(text, known) {
  if ([...text].length < Number(password.minLength)) return "short";
  const pool = kinds.reduce((sum, [kind, size]) => kind.test(text) ? sum + size : sum, 0);
  const rest = known.reduce((left, word) => word.length > 2 ? left.replaceAll(word.toLowerCase(), "") : left, text.toLowerCase());
  const bits = Math.min(rest.length, 2 * new Set(rest).size) * Math.log2(pool);
  return bits < 50 ? "weak" : bits < 75 ? "fair" : "strong";
}

password?.addEventListener("input", () => {
  const known = [...password.form.querySelectorAll("input[autocomplete=username], input[autocomplete=name]")].map((input) => input.value);
  note.dataset.level = password.value ? level(password.value, known) : "";
  note.textContent = note.dataset[note.dataset.level] ?? "";
});
