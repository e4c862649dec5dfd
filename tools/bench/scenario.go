package main

import (
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"

	"github.com/gatehouse/gatehouse/tools/page"
)

// A scenario prepares one connection and returns the request that it repeats. least is
// what that cannot be cheaper than: a token is signed or its signature is checked, what
// was changed is committed, and each request is an exchange.
type scenario struct {
	name    string
	least   func(f floors) float64
	prepare func(h *house, w *wire, n int) (func() error, error)
}

var scenarios = []scenario{
	{"client credentials", func(f floors) float64 { return f.signature + f.exchange }, func(h *house, w *wire, _ int) (func() error, error) {
		return func() error { _, err := h.machineToken(w); return err }, nil
	}},
	{"introspection", func(f floors) float64 { return f.check + f.exchange }, func(h *house, w *wire, n int) (func() error, error) {
		tokens, err := h.signIn(w, n)
		return func() error {
			d, err := must(w.post("/oauth2/introspect", &h.machine, url.Values{"token": {text(tokens, "access_token")}}))
			if err == nil && d["active"] != true {
				err = errors.New("the token is not active")
			}
			return err
		}, err
	}},
	{"refresh, with ID token", func(f floors) float64 { return 2*f.signature + f.commit + f.exchange }, func(h *house, w *wire, n int) (func() error, error) {
		tokens, err := h.signIn(w, n)
		return func() error {
			d, err := must(w.post("/oauth2/token", &h.web, url.Values{"grant_type": {"refresh_token"}, "refresh_token": {text(tokens, "refresh_token")}}))
			if err == nil && text(d, "id_token") == "" {
				err = errors.New("no ID token")
			}
			tokens = d
			return err
		}, err
	}},
	{"code flow, whole", func(f floors) float64 { return 2*f.signature + 2*f.commit + 2*f.exchange }, func(h *house, w *wire, n int) (func() error, error) {
		_, err := h.signIn(w, n)
		return func() error { _, err := h.codeFlow(w); return err }, err
	}},
	{"userinfo", func(f floors) float64 { return f.check + f.exchange }, func(h *house, w *wire, n int) (func() error, error) {
		tokens, err := h.signIn(w, n)
		header := http.Header{"Authorization": {"Bearer " + text(tokens, "access_token")}}
		return func() error { _, err := must(w.get("/oauth2/userinfo", header)); return err }, err
	}},
	{"discovery", func(f floors) float64 { return f.exchange }, func(_ *house, w *wire, _ int) (func() error, error) {
		return func() error { _, err := must(w.get("/.well-known/openid-configuration", nil)); return err }, nil
	}},
	{"JWKS", func(f floors) float64 { return f.exchange }, func(_ *house, w *wire, _ int) (func() error, error) {
		return func() error { _, err := must(w.get("/oauth2/jwks", nil)); return err }, nil
	}},
	// The token is made first, and its cost is part of the row: no supply runs out.
	{"client credentials + revocation", func(f floors) float64 { return f.signature + f.check + f.commit + 2*f.exchange }, func(h *house, w *wire, _ int) (func() error, error) {
		return func() error {
			d, err := h.machineToken(w)
			if err != nil {
				return err
			}
			a, err := w.post("/oauth2/revoke", &h.machine, url.Values{"token": {text(d, "access_token")}})
			if err == nil && a.StatusCode != http.StatusOK {
				err = fmt.Errorf("revocation answered %d", a.StatusCode)
			}
			return err
		}, nil
	}},
}

func must(a answer, err error) (map[string]any, error) {
	if err != nil {
		return nil, err
	}
	return a.document()
}

func (h *house) machineToken(w *wire) (map[string]any, error) {
	return must(w.post("/oauth2/token", &h.machine, url.Values{"grant_type": {"client_credentials"}}))
}

const (
	redirectURI = "http://127.0.0.1:9/callback"
	password    = "correct horse battery staple"
)

// authorization is a request for a code, and the verifier that belongs to it.
func (h *house) authorization() (address, verifier string) {
	verifier = rand.Text() + rand.Text()
	challenge := sha256.Sum256([]byte(verifier))
	return "/oauth2/authorize?" + url.Values{
		"response_type": {"code"}, "client_id": {h.web.ID}, "redirect_uri": {redirectURI}, "scope": {"openid offline_access"},
		"state": {rand.Text()}, "nonce": {rand.Text()}, "code_challenge_method": {"S256"},
		"code_challenge": {base64.RawURLEncoding.EncodeToString(challenge[:])},
	}.Encode(), verifier
}

// codeFlow goes from the authorization request to the tokens, by a browser that is
// signed in and whose person has consented before.
func (h *house) codeFlow(w *wire) (map[string]any, error) {
	address, verifier := h.authorization()
	a, err := w.get(address, nil)
	if err != nil {
		return nil, err
	}
	return h.exchange(w, a, verifier)
}

func (h *house) exchange(w *wire, a answer, verifier string) (map[string]any, error) {
	to, err := url.Parse(a.Header.Get("Location"))
	if err != nil || to.Query().Get("code") == "" {
		return nil, fmt.Errorf("%s answered %d and no code: %s %.500s", a.Request.URL.Path, a.StatusCode, a.Header.Get("Location"), a.body)
	}
	return must(w.post("/oauth2/token", &h.web, url.Values{
		"grant_type": {"authorization_code"}, "code": {to.Query().Get("code")}, "redirect_uri": {redirectURI}, "code_verifier": {verifier},
	}))
}

// signIn runs a code flow in which the n-th person signs in and consents.
func (h *house) signIn(w *wire, n int) (map[string]any, error) {
	address, verifier := h.authorization()
	a, err := w.get(address, nil)
	for range 10 {
		if err != nil {
			return nil, err
		}
		location := a.Header.Get("Location")
		switch {
		case strings.HasPrefix(location, redirectURI):
			return h.exchange(w, a, verifier)
		case location != "":
			a, err = w.get(location, nil)
		default:
			action, form := page.Form(a.body, "password", "decision")
			if form.Has("password") {
				form.Set("username", person(n))
				form.Set("password", password)
			} else {
				form.Set("decision", "accept")
			}
			a, err = w.post(action, nil, form)
		}
	}
	return nil, errors.New("the sign-in leads nowhere")
}
