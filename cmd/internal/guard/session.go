package guard

import (
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"
)

// The names of our cookies, behind "__Host-" wherever the service is reached by
// https (RFC 6265bis §4.1.3.2).
const (
	sessionCookie = "gatehouse-guard"
	browserCookie = "gatehouse-guard-browser"
	hintCookie    = "gatehouse-guard-hint"
)

// maxCookie is what every browser keeps: name and value together (RFC 6265bis §5.6).
const maxCookie = 4096

// session is what the sealed cookie holds: all that the guard knows of a browser.
type session struct {
	Access  string `json:"a"`
	Refresh string `json:"r,omitempty"`
	// For is what the tokens were asked for, and At when, in seconds since 1970: who
	// comes back without what was asked for is not sent in a circle.
	For string `json:"f,omitempty"`
	At  int64  `json:"t"`
}

// jar is our cookies in browsers.
type jar struct {
	seals *seals
	// secure: the service is reached by https.
	secure bool
}

func (j jar) name(base string) string {
	if j.secure {
		return "__Host-" + base
	}
	return base
}

// read is the value of a cookie that is sent once.
func (j jar) read(r *http.Request, base string) string {
	found := r.CookiesNamed(j.name(base))
	if len(found) != 1 {
		return ""
	}
	return found[0].Value
}

func (j jar) session(r *http.Request) (s session, present bool) {
	err := j.seals.open(sessionCookie, j.read(r, sessionCookie), &s)
	return s, err == nil
}

var errTooLarge = errors.New("the session does not fit into a cookie")

// fitting is a cookie that every browser keeps.
func (j jar) fitting(base, value string) (*http.Cookie, error) {
	if name := j.name(base); len(name)+len(value) > maxCookie {
		return nil, fmt.Errorf("%w: %d bytes", errTooLarge, len(name)+len(value))
	}
	return j.cookie(base, value, 0), nil
}

func (j jar) keep(w http.ResponseWriter, base, value string) error {
	c, err := j.fitting(base, value)
	if err == nil {
		http.SetCookie(w, c)
	}
	return err
}

func (j jar) keepSession(w http.ResponseWriter, s session) error {
	return j.keep(w, sessionCookie, j.seals.seal(sessionCookie, s))
}

// sealed is the cookie that holds a session.
func (j jar) sealed(s session) (*http.Cookie, error) {
	return j.fitting(sessionCookie, j.seals.seal(sessionCookie, s))
}

func (j jar) forget(w http.ResponseWriter, bases ...string) {
	for _, base := range bases {
		http.SetCookie(w, j.cookie(base, "", -1))
	}
}

// cookie ends with the browser's session, which the issuer's own outlives at will.
func (j jar) cookie(base, value string, maxAge int) *http.Cookie {
	return &http.Cookie{Name: j.name(base), Value: value, Path: "/", MaxAge: maxAge, HttpOnly: true, Secure: j.secure, SameSite: http.SameSiteLaxMode}
}

// withhold takes our cookies out of what the service is sent: it has no use for them.
func (j jar) withhold(h http.Header) {
	ours := []string{j.name(sessionCookie), j.name(browserCookie), j.name(hintCookie)}
	var rest []string
	for _, line := range h.Values("Cookie") {
		for pair := range strings.SplitSeq(line, ";") {
			pair = strings.TrimSpace(pair)
			name, _, _ := strings.Cut(pair, "=")
			if pair != "" && !slices.Contains(ours, strings.TrimSpace(name)) {
				rest = append(rest, pair)
			}
		}
	}
	h.Del("Cookie")
	if len(rest) > 0 {
		h.Set("Cookie", strings.Join(rest, "; "))
	}
}

// fromHere reports whether a request that carries a cookie was made by the service's
// own pages or by the person: cookies go along wherever a request comes from. Reading
// is free, since no other origin gets to see the answer; a WebSocket is more than
// reading.
func fromHere(r *http.Request, origin string) bool {
	switch r.Method {
	case http.MethodGet, http.MethodHead, http.MethodOptions:
		if r.Header.Get("Upgrade") == "" && r.Header.Get("Sec-WebSocket-Key") == "" {
			return true
		}
	}
	return bySameOrigin(r, origin)
}

func bySameOrigin(r *http.Request, origin string) bool {
	switch site := r.Header.Values("Sec-Fetch-Site"); {
	case len(site) == 1:
		return site[0] == "same-origin" || site[0] == "none"
	case len(site) > 1:
		return false
	}
	from := r.Header.Values("Origin")
	return len(from) == 1 && from[0] == origin
}

// navigates reports whether a person waits for a page, who can be sent elsewhere.
func navigates(r *http.Request) bool {
	mode, destination := r.Header.Get("Sec-Fetch-Mode"), r.Header.Get("Sec-Fetch-Dest")
	return r.Method == http.MethodGet && strings.Contains(r.Header.Get("Accept"), "text/html") && r.Header.Get("Upgrade") == "" &&
		(mode == "" || mode == "navigate") && (destination == "" || destination == "document")
}

// recent keeps who lacks what they were sent for from going in a circle.
func (s session) recent(purpose string, now time.Time) bool {
	return s.For == purpose && now.Unix()-s.At < 60
}
