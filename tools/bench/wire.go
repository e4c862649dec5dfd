package main

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"strings"
)

// wire is one connection and the cookies that came over it. It is not net/http's
// client, whose share of two cores would be taken from the server's.
type wire struct {
	base *url.URL
	conn net.Conn
	in   *bufio.Reader
	out  *bufio.Writer
	jar  *cookiejar.Jar
}

type answer struct {
	*http.Response
	body []byte
}

func dial(ctx context.Context, base *url.URL) (*wire, error) {
	conn, err := (&net.Dialer{}).DialContext(ctx, "tcp", base.Host)
	if err != nil {
		return nil, err
	}
	jar, _ := cookiejar.New(nil)
	return &wire{base: base, conn: conn, in: bufio.NewReader(conn), out: bufio.NewWriter(conn), jar: jar}, nil
}

func (w *wire) do(method, address string, header http.Header, body string) (answer, error) {
	target, err := w.base.Parse(address)
	if err != nil {
		return answer{}, err
	}
	r, err := http.NewRequest(method, target.String(), strings.NewReader(body))
	if err != nil {
		return answer{}, err
	}
	for name, values := range header {
		r.Header[name] = values
	}
	for _, c := range w.jar.Cookies(target) {
		r.AddCookie(c)
	}
	if err := r.Write(w.out); err != nil {
		return answer{}, err
	}
	if err := w.out.Flush(); err != nil {
		return answer{}, err
	}
	response, err := http.ReadResponse(w.in, r)
	if err != nil {
		return answer{}, err
	}
	a := answer{Response: response}
	a.body, err = io.ReadAll(response.Body)
	w.jar.SetCookies(target, response.Cookies())
	return a, err
}

func (w *wire) get(address string, header http.Header) (answer, error) {
	return w.do(http.MethodGet, address, header, "")
}

// post sends a form, as a client with its secret or as a browser without one.
func (w *wire) post(address string, c *client, form url.Values) (answer, error) {
	header := http.Header{"Content-Type": {"application/x-www-form-urlencoded"}}
	if c != nil {
		r := http.Request{Header: header}
		r.SetBasicAuth(c.ID, c.Secret)
	} else {
		header.Set("Origin", w.base.Scheme+"://"+w.base.Host)
	}
	return w.do(http.MethodPost, address, header, form.Encode())
}

// document reads a JSON answer of status 200.
func (a answer) document() (map[string]any, error) {
	if a.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("%s answered %d: %.300s", a.Request.URL.Path, a.StatusCode, a.body)
	}
	var d map[string]any
	return d, json.Unmarshal(a.body, &d)
}

func text(d map[string]any, name string) string { s, _ := d[name].(string); return s }
