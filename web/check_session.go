package web

import (
	"fmt"
	"html"
	"net/http"

	"github.com/gatehouse/gatehouse/templates"
)

// checkSession is the one page that others may frame (OpenID Connect Session
// Management 1.0 §3.2). There is nothing on it to see or to click: its script answers
// whether the session changed, to whoever knows what it was.
func (s *Server) checkSession(w http.ResponseWriter, _ *http.Request) {
	h := w.Header()
	h.Del("X-Frame-Options")
	h.Set("Content-Security-Policy", "default-src 'none'; script-src 'self'; base-uri 'none'; form-action 'none'")
	h.Set("Content-Type", "text/html; charset=utf-8")
	h.Set("Cache-Control", "no-store")
	fmt.Fprintf(w, "<!doctype html>\n<html lang=\"en\">\n<title>Session</title>\n<script src=\"%s\" data-cookie=\"%s\"></script>\n",
		templates.CheckSessionURL(), html.EscapeString(s.browsers.StateCookie()))
}
