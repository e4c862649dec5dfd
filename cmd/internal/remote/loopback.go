package remote

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"time"
)

// LoopbackRedirectURI is registered for the command line. The port is another one each
// time (RFC 8252 §7.3).
const LoopbackRedirectURI = "http://127.0.0.1/callback"

// loopbackLifetime is how long a person has to answer in the browser.
const loopbackLifetime = 10 * time.Minute

// Loopback is a sign-in whose answer a browser brings to this machine (RFC 8252 §7.3),
// bound to this process by a code verifier (RFC 7636) and a state.
type Loopback struct {
	// Address is what the browser has to open.
	Address string

	server          *Server
	listener        net.Listener
	redirectURI     string
	state, verifier string
	answer          chan url.Values
}

// Listen begins such a sign-in. Whoever begins one calls Wait or Close.
func (s *Server) Listen(ctx context.Context) (*Loopback, error) {
	listener, err := (&net.ListenConfig{}).Listen(ctx, "tcp4", "127.0.0.1:0")
	if err != nil {
		return nil, fmt.Errorf("begin sign-in: %w", err)
	}
	l := &Loopback{server: s, listener: listener, state: rand.Text(), verifier: rand.Text() + rand.Text(), answer: make(chan url.Values, 1)}
	l.redirectURI = "http://" + listener.Addr().String() + "/callback"
	challenge := sha256.Sum256([]byte(l.verifier))
	l.Address = s.Authorization + "?" + url.Values{
		"response_type": {"code"}, "client_id": {string(ClientID)}, "redirect_uri": {l.redirectURI}, "scope": {Scopes.String()}, "state": {l.state},
		"code_challenge": {base64.RawURLEncoding.EncodeToString(challenge[:])}, "code_challenge_method": {"S256"},
	}.Encode()
	return l, nil
}

// Close ends a sign-in that nobody waits for.
func (l *Loopback) Close() error { return l.listener.Close() }

// Wait takes the answer and exchanges the code. The error is an [ErrRefused] when the
// answer is no or comes too late.
func (l *Loopback) Wait(ctx context.Context) (Credentials, error) {
	server := &http.Server{Handler: l, ReadHeaderTimeout: 5 * time.Second}
	ended := make(chan error, 1)
	go func() { ended <- server.Serve(l.listener) }()
	late := time.NewTimer(loopbackLifetime)
	defer late.Stop()
	var answer url.Values
	var err error
	select {
	case answer = <-l.answer:
	case <-late.C:
		err = &Error{Code: "expired_token", Description: "nobody answered in time"}
	case <-ctx.Done():
		err = ctx.Err()
	case err = <-ended:
		return Credentials{}, fmt.Errorf("wait for the browser: %w", err)
	}
	// The browser is told how it went before the port closes.
	closing, cancel := context.WithTimeout(context.WithoutCancel(ctx), 2*time.Second)
	defer cancel()
	if shut := server.Shutdown(closing); shut != nil {
		err = errors.Join(err, server.Close())
	}
	if err != nil {
		return Credentials{}, err
	}
	if code := answer.Get("error"); code != "" {
		return Credentials{}, &Error{Code: code, Description: answer.Get("error_description")}
	}
	return l.server.tokens(ctx, url.Values{
		"grant_type": {"authorization_code"}, "code": {answer.Get("code")}, "redirect_uri": {l.redirectURI}, "code_verifier": {l.verifier},
	})
}

// ServeHTTP takes the first answer that carries the state of this sign-in and the issuer
// that was asked (RFC 9207); anything else that comes to the port is none.
func (l *Loopback) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	h, given := w.Header(), r.URL.Query()
	h.Set("Content-Type", "text/plain; charset=utf-8")
	h.Set("Cache-Control", "no-store")
	h.Set("Referrer-Policy", "no-referrer")
	h.Set("X-Content-Type-Options", "nosniff")
	known := subtle.ConstantTimeCompare([]byte(given.Get("state")), []byte(l.state)) == 1
	switch {
	// By another name a page elsewhere could have led here (DNS rebinding).
	case r.Host != l.listener.Addr().String() || r.URL.Path != "/callback" || r.Method != http.MethodGet:
		w.WriteHeader(http.StatusNotFound)
		return
	case !known || given.Get("iss") != l.server.Issuer || given.Get("code") == "" && given.Get("error") == "":
		w.WriteHeader(http.StatusBadRequest)
		_, _ = io.WriteString(w, "This is not the answer that the terminal waits for.\n")
		return
	}
	select {
	case l.answer <- given:
		_, _ = io.WriteString(w, "Done. Go back to the terminal; you can close this page.\n")
	default:
		w.WriteHeader(http.StatusConflict)
		_, _ = io.WriteString(w, "The terminal has its answer already.\n")
	}
}
