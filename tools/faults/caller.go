package faults

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"strings"
	"sync/atomic"
	"time"

	"github.com/gatehouse/gatehouse/tools/page"
)

// patience is how long a caller waits for an answer: longer than any may take.
const patience = 15 * time.Second

// caller is one client over HTTP, with its cookies, at every replica in turn.
type caller struct {
	site *Site
	turn atomic.Uint64
	each []*http.Client
}

func newCaller(s *Site, turn int) *caller {
	jar, _ := cookiejar.New(nil)
	c := &caller{site: s}
	c.turn.Store(uint64(turn))
	for _, address := range s.Addresses {
		c.each = append(c.each, &http.Client{
			Jar: jar, Timeout: patience,
			CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
			// The address is the issuer's, as clients know it; who answers is our choice.
			Transport: &http.Transport{DialContext: func(ctx context.Context, network, _ string) (net.Conn, error) {
				return (&net.Dialer{}).DialContext(ctx, network, address)
			}},
		})
	}
	return c
}

func (c *caller) close() {
	for _, each := range c.each {
		each.CloseIdleConnections()
	}
}

// answer is what came back; its status is 0 when nothing did.
type answer struct {
	status int
	header http.Header
	body   []byte
	err    error
}

func (a answer) String(what string) string {
	return fmt.Sprintf("%s: %d %s %.300s %v", what, a.status, a.header.Get("Location"), a.body, a.err)
}

func (a answer) text(name string) string {
	var d map[string]any
	_ = json.Unmarshal(a.body, &d)
	s, _ := d[name].(string)
	return s
}

func (c *caller) do(method, target string, header http.Header, body string) answer {
	if strings.HasPrefix(target, "/") {
		target = c.site.Issuer + target
	}
	r, err := http.NewRequest(method, target, strings.NewReader(body))
	if err != nil {
		return answer{err: err}
	}
	for name, values := range header {
		r.Header[name] = values
	}
	response, err := c.each[int(c.turn.Add(1))%len(c.each)].Do(r)
	if err != nil {
		return answer{err: err}
	}
	defer func() { _ = response.Body.Close() }()
	a := answer{status: response.StatusCode, header: response.Header}
	if a.body, err = io.ReadAll(response.Body); err != nil {
		return answer{err: err} // half an answer is none
	}
	return a
}

func (c *caller) get(target string) answer { return c.do(http.MethodGet, target, nil, "") }

// post sends a form, as a client with its secret or as a browser without one.
func (c *caller) post(target string, as *Client, form url.Values) answer {
	header := http.Header{"Content-Type": {"application/x-www-form-urlencoded"}}
	if as != nil {
		(&http.Request{Header: header}).SetBasicAuth(as.ID, as.Secret)
	} else {
		header.Set("Origin", c.site.Issuer)
	}
	return c.do(http.MethodPost, target, header, form.Encode())
}

// signIn brings the browser to where an authorization yields a code at once.
func (c *caller) signIn(person, authorization string) error {
	a := c.get(authorization)
	for range 12 {
		location := ""
		if a.err == nil {
			location = a.header.Get("Location")
		}
		switch {
		case strings.HasPrefix(location, redirectURI):
			return nil
		case location != "":
			a = c.get(location)
		default:
			action, form := page.Form(a.body, "password", "decision")
			if form.Has("password") {
				form.Set("username", person)
				form.Set("password", password)
			} else {
				form.Set("decision", "accept")
			}
			a = c.post(action, nil, form)
		}
	}
	return fmt.Errorf("the sign-in leads nowhere: %s", a.String(person))
}
