package guard

import (
	"fmt"
	"html"
	"net/http"
)

// showPage tells a person something, and where to go on: a path of the service.
func showPage(w http.ResponseWriter, status int, title, text, path, link string) {
	h := w.Header()
	h.Set("Content-Type", "text/html; charset=utf-8")
	h.Set("Cache-Control", "no-store")
	h.Set("Content-Security-Policy", "default-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'")
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("X-Frame-Options", "DENY")
	h.Set("Referrer-Policy", "no-referrer")
	w.WriteHeader(status)
	// The browser is gone when this fails.
	_, _ = fmt.Fprintf(w, `<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>%[1]s</title>
<h1>%[1]s</h1>
<p>%[2]s</p>
<p><a href="%[3]s">%[4]s</a></p>
`, html.EscapeString(title), html.EscapeString(text), html.EscapeString(path), html.EscapeString(link))
}
