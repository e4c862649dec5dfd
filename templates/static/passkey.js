// A form of the class "passkey" is filled in by the browser's authenticators and
// sent like any other: data-get asks for a passkey, data-create makes one. Without
// this script, or without passkeys in the browser, such a form stays hidden.
const known = window.PublicKeyCredential;
let asking = new AbortController();

// What the form says beside the passkey stands in fields of the page.
const sources = (form) => [...form.querySelectorAll("[data-from]")]
  .map((input) => [input, document.getElementById(input.dataset.from)]).filter(([, source]) => source);

async function answer(form, more = {}) {
  asking.abort();
  asking = new AbortController();
  const options = JSON.parse(form.dataset.get || form.dataset.create);
  const request = { ...more, signal: asking.signal };
  const credential = form.dataset.get
    ? await navigator.credentials.get({ ...request, publicKey: known.parseRequestOptionsFromJSON(options) })
    : await navigator.credentials.create({ ...request, publicKey: known.parseCreationOptionsFromJSON(options) });
  if (!credential) return;
  form.elements.response.value = JSON.stringify(credential);
  for (const [input, source] of sources(form)) input.value = source.type === "checkbox" && !source.checked ? "" : source.value;
  HTMLFormElement.prototype.submit.call(form);
}

// Whoever closes the browser's dialogue has said no; the page stays as it is.
const quietly = (promise) => promise.catch((error) => {
  if (!["AbortError", "NotAllowedError", "InvalidStateError"].includes(error.name)) throw error;
});

async function begin() {
  const can = await known.getClientCapabilities?.() ?? {};
  for (const form of document.querySelectorAll("form.passkey")) {
    if ("silent" in form.dataset) {
      if (can.conditionalCreate) quietly(answer(form, { mediation: "conditional" }));
      continue;
    }
    form.hidden = false;
    form.addEventListener("submit", (event) => {
      event.preventDefault();
      if (sources(form).every(([, source]) => source.reportValidity())) quietly(answer(form));
    });
    if ("autofill" in form.dataset && (can.conditionalGet ?? await known.isConditionalMediationAvailable?.())) {
      quietly(answer(form, { mediation: "conditional" }));
    }
  }
  // The server offers a passkey after a password only to whose browser can make one.
  const able = document.getElementById("passkeys");
  if (able && await known.isUserVerifyingPlatformAuthenticatorAvailable()) able.value = "on";
}

if (known?.parseRequestOptionsFromJSON) begin();
