package web_test

import (
	"bytes"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/gatehouse/gatehouse/storage/postgres"
	"github.com/gatehouse/gatehouse/web"
	"github.com/gatehouse/gatehouse/web/webtest"
)

// fullForm has what every form of ours asks for, so that nothing but the guard
// stands between it and its effect.
func fullForm(h *webtest.House, csrf string) url.Values {
	return url.Values{
		"csrf": {csrf}, "username": {"ann"}, "password": {webtest.Password}, "tenant_id": {h.Tenant.String()},
		"decision": {"accept"}, "client_id": {"web"}, "flow": {""}, "session_id": {"0198c0de-0000-7000-8000-000000000000"},
	}
}

func TestH4_ForeignFormsAreRefused(t *testing.T) {
	t.Parallel()
	h, config := bootWithConfig(t)
	h.User("ann")
	paths, err := web.FormRoutes(*config)
	if err != nil {
		t.Fatal(err)
	}
	if len(paths) < 8 {
		t.Fatalf("only %d routes take a form: %v", len(paths), paths)
	}
	b := signedIn(h, "ann")
	csrf := csrfOf(t, b)
	otherBrowsers := h.Browser().Get("/login").Form(t, "sign-in", nil).Values.Get("csrf")
	secure := strings.Replace(h.URL, "http://", "https://", 1)
	for name, attack := range map[string]struct {
		csrf    string
		headers http.Header
	}{
		"no token":                          {"", nil},
		"no token, vouched for":             {"", http.Header{"Sec-Fetch-Site": {"same-origin"}}},
		"another browser's token":           {otherBrowsers, nil},
		"the token, changed":                {csrf[:len(csrf)-2] + map[bool]string{true: "BA", false: "AA"}[strings.HasSuffix(csrf, "AA")], nil},
		"a foreign origin":                  {csrf, http.Header{"Origin": {"https://evil.example"}}},
		"a foreign origin, vouched for":     {csrf, http.Header{"Origin": {"https://evil.example"}, "Sec-Fetch-Site": {"same-origin"}}},
		"an origin that begins like ours":   {csrf, http.Header{"Origin": {h.URL + ".evil.example"}}},
		"another port":                      {csrf, http.Header{"Origin": {"http://127.0.0.1:1"}}},
		"a null origin":                     {csrf, http.Header{"Origin": {"null"}}},
		"a null origin from another site":   {csrf, http.Header{"Origin": {"null"}, "Sec-Fetch-Site": {"cross-site"}}},
		"a null origin from this site":      {csrf, http.Header{"Origin": {"null"}, "Sec-Fetch-Site": {"same-site"}}},
		"a null origin, typed in":           {csrf, http.Header{"Origin": {"null"}, "Sec-Fetch-Site": {"none"}}},
		"the other scheme":                  {csrf, http.Header{"Origin": {secure}}},
		"the other scheme, vouched for":     {csrf, http.Header{"Origin": {secure}, "Sec-Fetch-Site": {"same-origin"}}},
		"another site, with our origin":     {csrf, http.Header{"Sec-Fetch-Site": {"cross-site"}}},
		"a sister site":                     {csrf, http.Header{"Sec-Fetch-Site": {"same-site"}}},
		"another site and no origin":        {csrf, http.Header{"Origin": nil, "Sec-Fetch-Site": {"cross-site"}}},
		"the token in the query":            {"", http.Header{"X-Query": {"csrf=" + url.QueryEscape(csrf)}}},
		"text that a foreign page may send": {csrf, http.Header{"Content-Type": {"text/plain"}}},
		"multipart":                         {csrf, http.Header{"Content-Type": {"multipart/form-data; boundary=x"}}},
	} {
		t.Run(name, func(t *testing.T) {
			b.T = t
			for _, path := range paths {
				address := path
				if query := attack.headers.Get("X-Query"); query != "" {
					address += "?" + query
				}
				p := b.PostRaw(address, fullForm(h, attack.csrf), attack.headers)
				isErrorPage(t, p, http.StatusForbidden)
			}
			if p := b.Get("/account"); p.Request.URL.Path != "/account" {
				t.Errorf("one of the forms had its effect: /account leads to %s", p.Request.URL)
			}
		})
	}
	b.T = t
	// The same form from our own page is not refused: what was tested is the guard.
	for _, headers := range []http.Header{{"Origin": {"null"}, "Sec-Fetch-Site": {"same-origin"}}, {"Sec-Fetch-Site": {"same-origin"}}, {"Origin": nil}, nil} {
		if p := b.PostRaw("/account/sessions/revoke", fullForm(h, csrf), headers); p.StatusCode != http.StatusSeeOther {
			t.Errorf("a form of ours with %v: %d", headers, p.StatusCode)
		}
	}
}

// Behind a proxy that ends TLS the request itself is plain: the issuer says what
// the scheme is.
func TestH4_SchemeOfTheIssuer(t *testing.T) {
	t.Parallel()
	h := webtest.Boot(t, func(c *web.Config, _ *postgres.Options) { c.Issuer = &url.URL{Scheme: "https", Host: "id.example"} })
	b := h.Browser()
	for origin, want := range map[string]int{"https://id.example": http.StatusForbidden, "http://id.example": http.StatusForbidden, "https://evil.example": http.StatusForbidden} {
		p := b.PostRaw(h.Socket()+"/login", url.Values{}, http.Header{"Origin": {origin}, "Sec-Fetch-Site": {"same-origin"}})
		if p.StatusCode != want {
			t.Errorf("%s: %d", origin, p.StatusCode)
		}
	}
	page, cookies := visitRaw(t, h, "GET", "/login", nil, nil, nil)
	csrf := page.Form(t, "sign-in", nil).Values.Get("csrf")
	for origin, want := range map[string]int{"https://id.example": http.StatusUnauthorized, "http://id.example": http.StatusForbidden, "http://127.0.0.1": http.StatusForbidden} {
		p, _ := visitRaw(t, h, "POST", "/login", cookies, url.Values{"csrf": {csrf}, "username": {"nobody"}, "password": {"x"}},
			http.Header{"Origin": {origin}, "Sec-Fetch-Site": {"same-origin"}})
		if p.StatusCode != want {
			t.Errorf("from %s: %d, want %d", origin, p.StatusCode, want)
		}
	}
}

// visitRaw sends a request with exactly these cookies, Secure or not, and gives
// the cookies as they stand after the answer.
func visitRaw(t *testing.T, h *webtest.House, method, path string, cookies map[string]*http.Cookie, form url.Values, headers http.Header) (*webtest.Page, map[string]*http.Cookie) {
	t.Helper()
	var body io.Reader
	if form != nil {
		body = strings.NewReader(form.Encode())
	}
	r, err := http.NewRequestWithContext(t.Context(), method, h.Socket()+path, body)
	if err != nil {
		t.Fatal(err)
	}
	if form != nil {
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	}
	for name, values := range headers {
		r.Header[name] = values
	}
	after := map[string]*http.Cookie{}
	for name, c := range cookies {
		r.AddCookie(&http.Cookie{Name: name, Value: c.Value})
		after[name] = c
	}
	p := h.Browser().Do(r)
	for _, c := range p.Cookies() {
		after[c.Name] = c
	}
	return p, after
}

func TestH17_MethodConfusion(t *testing.T) {
	t.Parallel()
	h, config := bootWithConfig(t)
	h.User("ann")
	routes, err := web.Paths(*config)
	if err != nil {
		t.Fatal(err)
	}
	allowed := map[string]map[string]bool{}
	for _, route := range routes {
		method, path, _ := strings.Cut(route, " ")
		if allowed[path] == nil {
			allowed[path] = map[string]bool{}
		}
		allowed[path][method] = true
	}
	b := signedIn(h, "ann")
	csrf := csrfOf(t, b)
	for path, methods := range allowed {
		if path == "/api/v1/" {
			continue // it takes every method, and refuses in problem documents
		}
		address := strings.TrimSuffix(path, "{$}")
		for _, method := range []string{"GET", "POST", "PUT", "DELETE", "PATCH", "TRACE", "PROPFIND"} {
			if methods[method] {
				continue
			}
			t.Run(method+" "+path, func(t *testing.T) {
				r, err := http.NewRequestWithContext(t.Context(), method, h.URL+address+"?"+fullForm(h, csrf).Encode(), nil)
				if err != nil {
					t.Fatal(err)
				}
				p := b.Do(r)
				isErrorPage(t, p, http.StatusMethodNotAllowed)
				for method := range methods {
					if !strings.Contains(strings.Join(p.Header.Values("Allow"), ", "), method) {
						t.Errorf("Allow: %v misses %s", p.Header.Values("Allow"), method)
					}
				}
			})
		}
	}
	if p := b.Get("/account"); p.Request.URL.Path != "/account" {
		t.Errorf("a GET had an effect: /account leads to %s", p.Request.URL)
	}
}

func TestPages_NotFound(t *testing.T) {
	t.Parallel()
	h := webtest.Boot(t)
	b := h.Browser()
	for _, path := range []string{"/nowhere", "/login/nowhere", "/oauth2/", "/oauth2", "/account/", "/.env", "/debug/pprof/", "/metrics", "/api/v2/me", "/login/"} {
		p := get(b, h.URL+path, nil)
		isErrorPage(t, p, http.StatusNotFound)
		if !strings.Contains(string(p.Body), "There is no such page") {
			t.Errorf("%s: %s", path, p.Body)
		}
	}
}

func TestO1_BodySize(t *testing.T) {
	t.Parallel()
	h, config := bootWithConfig(t)
	h.Client("web")
	forms, err := web.FormRoutes(*config)
	if err != nil {
		t.Fatal(err)
	}
	b := h.Browser()
	b.Get("/login")
	for _, path := range append(forms, "/oauth2/token", "/oauth2/authorize", "/oauth2/par", "/oauth2/introspect", "/oauth2/revoke", "/oauth2/logout") {
		t.Run(path, func(t *testing.T) {
			begun := time.Now()
			status, sent := flood(t, h, path, 10<<20)
			if status != http.StatusRequestEntityTooLarge {
				t.Errorf("status %d", status)
			}
			// On an idle machine it is a few milliseconds.
			if took := time.Since(begun); took > 5*time.Second {
				t.Errorf("it took %v", took)
			}
			if sent > 9<<20 {
				t.Errorf("%d bytes were taken", sent)
			}
		})
	}
	t.Run("64 KiB are enough", func(t *testing.T) {
		b.T = t
		for size, want := range map[int]int{60 << 10: http.StatusForbidden, 65 << 10: http.StatusRequestEntityTooLarge} {
			if p := b.PostRaw("/login", url.Values{"username": {strings.Repeat("x", size)}}, nil); p.StatusCode != want {
				t.Errorf("%d bytes: %d, want %d", size, p.StatusCode, want)
			}
		}
	})
}

// flood sends a form of many bytes, and gives the answer's status and how much of
// the form was taken before the server hung up.
func flood(t *testing.T, h *webtest.House, path string, size int) (status, sent int) {
	t.Helper()
	conn, err := net.Dial("tcp", parse(t, h.Socket()).Host)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = conn.Close() }()
	_ = conn.SetDeadline(time.Now().Add(30 * time.Second))
	// A small window, so that what waits in the kernel does not count as taken.
	_ = conn.(*net.TCPConn).SetWriteBuffer(64 << 10)
	_, _ = fmt.Fprintf(conn, "POST %s HTTP/1.1\r\nHost: %s\r\nOrigin: %s\r\nContent-Type: application/x-www-form-urlencoded\r\nContent-Length: %d\r\n\r\nx=",
		path, parse(t, h.URL).Host, h.URL, size)
	answer := make(chan []byte, 1)
	go func() {
		head := make([]byte, 64)
		n, _ := io.ReadFull(conn, head)
		answer <- head[:n]
	}()
	chunk := bytes.Repeat([]byte("a"), 32<<10)
	for sent < size-len(chunk) {
		n, err := conn.Write(chunk)
		sent += n
		if err != nil {
			break
		}
	}
	_, _ = fmt.Sscanf(string(<-answer), "HTTP/1.1 %d", &status)
	return status, sent
}
