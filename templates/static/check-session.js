// OpenID Connect Session Management 1.0 §3.2: a frame of a client asks whether the
// session is still the one of its session_state, oidc/session_state.go.
const cookie = document.currentScript.dataset.cookie + "=";

function state() {
	const pair = document.cookie.split("; ").find((pair) => pair.startsWith(cookie));
	return pair ? pair.slice(cookie.length) : "";
}

async function answer(question, origin) {
	const at = typeof question === "string" ? question.lastIndexOf(" ") : -1;
	const [known, salt] = at > 0 ? question.slice(at + 1).split(".") : [];
	if (!known || !salt) {
		return "error";
	}
	const text = [question.slice(0, at), origin, state(), salt].join(" ");
	const sum = new Uint8Array(await crypto.subtle.digest("SHA-256", new TextEncoder().encode(text)));
	const now = btoa(String.fromCharCode(...sum)).replaceAll("+", "-").replaceAll("/", "_").replaceAll("=", "");
	return now === known ? "unchanged" : "changed";
}

addEventListener("message", async (e) => {
	if (e.source && e.source !== window && /^https?:/.test(e.origin)) {
		e.source.postMessage(await answer(e.data, e.origin), e.origin);
	}
});
