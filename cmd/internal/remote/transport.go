package remote

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"sync"
	"time"
)

// Transport puts the access token of a sign-in on every request to its issuer, and
// renews it when it ran out. It may be used from many goroutines.
type Transport struct {
	file File
	now  func() time.Time

	mu   sync.Mutex
	held Credentials
}

// NewTransport speaks with the credentials c, which are kept in the file.
func NewTransport(f File, c Credentials, now func() time.Time) *Transport {
	return &Transport{file: f, now: now, held: c}
}

// RoundTrip implements [http.RoundTripper].
func (t *Transport) RoundTrip(r *http.Request) (*http.Response, error) {
	c, err := t.credentials(r.Context(), "")
	if err != nil {
		return nil, err
	}
	response, err := send(r, c.AccessToken)
	if err != nil || response.StatusCode != http.StatusUnauthorized || r.Body != nil && r.GetBody == nil {
		return response, err
	}
	// The clocks may differ, or the token was ended: the refresh token decides.
	if c, err = t.credentials(r.Context(), c.AccessToken.Reveal()); err != nil {
		return nil, errors.Join(err, response.Body.Close())
	}
	if r.GetBody != nil {
		if r.Body, err = r.GetBody(); err != nil {
			return nil, errors.Join(err, response.Body.Close())
		}
	}
	if err := response.Body.Close(); err != nil {
		return nil, err
	}
	return send(r, c.AccessToken)
}

func send(r *http.Request, token Token) (*http.Response, error) {
	r = r.Clone(r.Context())
	r.Header.Set("Authorization", "Bearer "+token.Reveal())
	return http.DefaultTransport.RoundTrip(r)
}

// credentials are good for one more request; they are renewed when they ran out or
// when refused is their access token.
func (t *Transport) credentials(ctx context.Context, refused string) (Credentials, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.held.Fresh(t.now()) && t.held.AccessToken.Reveal() != refused {
		return t.held, nil
	}
	s, err := Discover(ctx, t.held.Issuer, t.now)
	if err != nil {
		return t.held, err
	}
	renewed, err := t.file.renew(ctx, s, t.held)
	if err == nil {
		t.held = renewed
	}
	return renewed, err
}

// renew exchanges the refresh token and keeps what it gives.
func (f File) renew(ctx context.Context, s *Server, c Credentials) (Credentials, error) {
	renewed, err := s.Refresh(ctx, c)
	if errors.Is(err, ErrRefused) {
		return c, fmt.Errorf("%w (run \"gatehouse login\" to sign in again)", err)
	}
	if err != nil {
		return c, err
	}
	return renewed, f.Save(renewed)
}
