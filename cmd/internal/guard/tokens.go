package guard

import (
	"context"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"time"

	"github.com/gatehouse/gatehouse/authz/resource"
)

const (
	issuerTimeout = 5 * time.Second
	maxAnswer     = 64 << 10
	// rememberedRefresh is how long the answer to a refresh token is kept for requests
	// that were sent with the older cookie.
	rememberedRefresh = time.Minute
)

// errEnded says that a session is over: its refresh token is refused.
var errEnded = errors.New("the session has ended")

// tokens is an answer of the token endpoint (RFC 6749 §5.1).
type tokens struct {
	Access  string `json:"access_token"`
	Refresh string `json:"refresh_token"`
	ID      string `json:"id_token"`
}

// ask sends a form to an endpoint of the issuer, as the client.
func (c *client) ask(ctx context.Context, caller *http.Client, endpoint string, form url.Values, now time.Time) (tokens, error) {
	if !c.key.IsZero() {
		assertion, err := c.key.Assertion(c.ID, c.issuer, now)
		if err != nil {
			return tokens{}, err
		}
		form.Set("client_assertion_type", "urn:ietf:params:oauth:client-assertion-type:jwt-bearer")
		form.Set("client_assertion", assertion)
	}
	ctx, cancel := context.WithTimeout(ctx, issuerTimeout)
	defer cancel()
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, endpoint, strings.NewReader(form.Encode()))
	if err != nil {
		return tokens{}, err
	}
	request.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	if c.key.IsZero() {
		request.SetBasicAuth(url.QueryEscape(string(c.ID)), url.QueryEscape(c.secret))
	}
	response, err := caller.Do(request)
	if err != nil {
		return tokens{}, err
	}
	defer response.Body.Close()
	body, err := io.ReadAll(io.LimitReader(response.Body, maxAnswer))
	if err != nil {
		return tokens{}, err
	}
	var answer struct {
		tokens
		Error string `json:"error"`
	}
	switch err := json.Unmarshal(body, &answer); {
	case response.StatusCode == http.StatusOK && len(body) == 0: // RFC 7009 §2.2
		return tokens{}, nil
	case err != nil:
		return tokens{}, fmt.Errorf("the issuer answered %d, not in JSON", response.StatusCode)
	case response.StatusCode == http.StatusBadRequest && answer.Error == "invalid_grant":
		return tokens{}, errEnded
	case response.StatusCode != http.StatusOK:
		return tokens{}, fmt.Errorf("the issuer answered %d %.60q", response.StatusCode, answer.Error)
	}
	return answer.tokens, nil
}

// refreshes sees to it that a refresh token is used once, however many requests bring
// it at the same time.
type refreshes struct {
	now func() time.Time

	mu    sync.Mutex
	known map[[32]byte]*refreshed
}

type refreshed struct {
	at     time.Time
	done   chan struct{} // closed when the rest stands
	tokens tokens
	err    error
}

func (f *refreshes) once(ctx context.Context, token string, use func(context.Context) (tokens, error)) (tokens, error) {
	id := sha256.Sum256([]byte(token))
	f.mu.Lock()
	entry, known := f.known[id]
	if !known || f.old(entry) {
		f.tidy()
		entry = &refreshed{at: f.now(), done: make(chan struct{})}
		f.known[id] = entry
		// Whoever asked first may leave; the others still wait.
		go f.run(context.WithoutCancel(ctx), id, entry, use)
	}
	f.mu.Unlock()
	select {
	case <-entry.done:
		return entry.tokens, entry.err
	case <-ctx.Done():
		return tokens{}, ctx.Err()
	}
}

func (f *refreshes) run(ctx context.Context, id [32]byte, entry *refreshed, use func(context.Context) (tokens, error)) {
	entry.tokens, entry.err = use(ctx)
	if entry.err != nil && !errors.Is(entry.err, errEnded) {
		f.mu.Lock()
		delete(f.known, id) // it says nothing of the token: the next request tries again
		f.mu.Unlock()
	}
	close(entry.done)
}

func (f *refreshes) old(r *refreshed) bool { return f.now().Sub(r.at) > rememberedRefresh }

func (f *refreshes) tidy() {
	for id, entry := range f.known {
		if f.old(entry) {
			delete(f.known, id)
		}
	}
}

// prove is who stands behind a session, and the session as it is now: refreshed when
// its token is about to expire, or refused because a right has changed. The errors are
// [errEnded] and those that tell nothing of the session.
func (b *browsers) prove(ctx context.Context, s session) (*resource.Principal, session, error) {
	p, err := b.tokens.Authenticate(ctx, s.Access)
	// A second round is for a cookie that is a refresh behind.
	for range 2 {
		good := err == nil
		if good && p.ExpiresAt.Sub(b.now()) > min(time.Minute, p.ExpiresAt.Sub(p.IssuedAt)/4) {
			return p, s, nil
		}
		if !good && !errors.Is(err, resource.ErrInvalidToken) {
			return nil, s, err
		}
		fresh, failed := b.refresh(ctx, s)
		switch {
		case good && failed != nil && !errors.Is(failed, errEnded), good && s.Refresh == "":
			return p, s, nil
		case failed != nil:
			return nil, s, failed
		}
		s.Access, s.Refresh = fresh.Access, fresh.Refresh
		p, err = b.tokens.Authenticate(ctx, s.Access)
	}
	if errors.Is(err, resource.ErrInvalidToken) {
		err = fmt.Errorf("%w: a right of the session changes at this moment", resource.ErrUnavailable)
	}
	return p, s, err
}

func (b *browsers) refresh(ctx context.Context, s session) (tokens, error) {
	if s.Refresh == "" {
		return tokens{}, errEnded
	}
	return b.refreshes.once(ctx, s.Refresh, func(ctx context.Context) (tokens, error) {
		form := url.Values{"grant_type": {"refresh_token"}, "refresh_token": {s.Refresh}, "resource": {b.audience}}
		fresh, err := b.client.ask(ctx, b.caller, b.endpoints.Token, form, b.now())
		if err == nil && fresh.Refresh == "" {
			fresh.Refresh = s.Refresh // RFC 6749 §6: the old one stays
		}
		return fresh, err
	})
}
