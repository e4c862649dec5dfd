package oidc

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"net/http"
	"net/url"
	"strconv"
	"sync"
	"time"

	"github.com/gatehouse/gatehouse/oidc/authn"
	"github.com/gatehouse/gatehouse/storage/ledger"
	"github.com/gatehouse/gatehouse/storage/postgres"
)

const (
	// longestWait is how long a reader of the feed may have an answer held back.
	longestWait = 25 * time.Second
	// longestCommit is how long after a change was noted it may have been committed.
	longestCommit = time.Hour
)

// revocations is one answer of the feed. Ids are digests, the first 16 bytes of
// SHA-256 in base64url: whoever holds a token can look up its ids, and nobody
// learns of tokens or users that they have not met.
type revocations struct {
	// Cursor is what to ask with next.
	Cursor string `json:"cursor"`
	// More: there is more to read at once.
	More bool `json:"more"`
	// Dead is each id (jti, grant_id, sid) that no token may carry, and when it may be
	// forgotten, in seconds since 1970.
	Dead map[string]int64 `json:"dead"`
	// Changed is each id (sub, tenant_id, client_id) whose rights changed, an agent's with
	// its owner's, and when: an older token may hold more than is true.
	Changed map[string]int64 `json:"changed"`
}

// Revocations is the feed by which resource servers that verify tokens offline learn
// what was revoked: GET with a cursor, the answer held back for "wait" seconds while
// there is nothing new. For clients with the right to introspect. By POST the
// parameters are in the body, and with them what a client proves itself by that no
// address may carry: an assertion, or the secret of client_secret_post.
func (p *Provider) Revocations(w http.ResponseWriter, r *http.Request) {
	query, proof := r.URL.Query(), url.Values{}
	if r.Method == http.MethodPost {
		parameters, err := form(w, r)
		if err != nil {
			p.writeError(w, r, err)
			return
		}
		query, proof = parameters, parameters
	}
	caller, err := p.clientOf(r.Context(), r, proof)
	switch {
	case err != nil:
		p.writeError(w, r, err)
		return
	case caller.Public() || !caller.Introspect:
		p.writeError(w, r, &Error{Code: "access_denied", Status: http.StatusForbidden,
			Description: "This client may not introspect tokens. An operator can allow it: gatehouse admin clients update CLIENT --introspect."})
		return
	}
	cursor, err := p.feedCursors.open(query.Get("cursor"))
	if err != nil {
		p.writeError(w, r, badRequest("invalid_request", "The cursor is not one that was given out. Leave it out to begin anew."))
		return
	}
	wait, err := strconv.Atoi(query.Get("wait"))
	if query.Has("wait") && (err != nil || wait < 0 || wait > int(longestWait.Seconds())) {
		p.writeError(w, r, badRequest("invalid_request", "The parameter wait is a number of seconds, 0 to 25."))
		return
	}
	held := time.Duration(wait) * time.Second
	// The server's own limit is for answers that nobody holds back.
	_ = http.NewResponseController(w).SetWriteDeadline(time.Now().Add(held + 10*time.Second))
	page, err := p.newsSince(r.Context(), cursor, held)
	if err != nil {
		p.writeError(w, r, err)
		return
	}
	given := feedTag(query.Get("cursor"))
	if len(page.Entries) == 0 && !page.More && query.Has("cursor") && r.Header.Get("If-None-Match") == given {
		w.Header().Set("ETag", given)
		w.WriteHeader(http.StatusNotModified)
		return
	}
	now := p.Now() // after the reading
	answer := revocations{Cursor: p.feedCursors.seal(page.Next), More: page.More, Dead: map[string]int64{}, Changed: map[string]int64{}}
	for _, e := range page.Entries {
		if e.ChangedAt.IsZero() {
			answer.Dead[feedID(e.ID)] = e.DeadUntil.Unix()
		} else {
			id, since := feedID(e.ID), committedBy(e.ChangedAt, now, page.Beginning).Add(ledger.Slack).Unix()
			answer.Changed[id] = max(answer.Changed[id], since)
		}
	}
	w.Header().Set("ETag", feedTag(answer.Cursor))
	p.writeJSON(w, http.StatusOK, answer)
}

// committedBy is when a change that was noted at an instant had been committed at the
// latest: until then tokens were made without regard to it. Of news no more is known than
// that it is committed now. From the beginning a bound keeps a resource server that starts
// from asking about the tokens of everybody who changed in the last hours.
func committedBy(noted, now time.Time, beginning bool) time.Time {
	if bound := noted.Add(longestCommit); beginning && bound.Before(now) {
		return bound
	}
	if noted.After(now) { // by the database's clock
		return noted
	}
	return now
}

// newsSince reads on, and waits for something to read.
func (p *Provider) newsSince(ctx context.Context, cursor postgres.FeedCursor, wait time.Duration) (postgres.FeedPage, error) {
	over := time.NewTimer(wait)
	defer over.Stop()
	for {
		rung := p.news.next() // before the look, so that nothing falls in between
		page, err := p.Store.FeedPage(ctx, cursor)
		if err != nil || len(page.Entries) > 0 || cursor == (postgres.FeedCursor{}) || wait == 0 {
			return page, err
		}
		if !p.rings(ctx, rung, over.C) {
			return page, nil
		}
	}
}

// rings waits for the bell, and says whether it rang. Whoever waits keeps nobody else waiting.
func (p *Provider) rings(ctx context.Context, rung <-chan struct{}, over <-chan time.Time) bool {
	defer authn.StepAside(ctx)()
	select {
	case <-rung:
		return true
	case <-over:
	case <-p.released:
	case <-ctx.Done():
	}
	return false
}

// Release gives every answer that is held back, now and from now on: the server ends,
// and waits for them. It is called once.
func (p *Provider) Release() { close(p.released) }

func feedID(id string) string {
	sum := sha256.Sum256([]byte(id))
	return base64.RawURLEncoding.EncodeToString(sum[:16])
}

func feedTag(cursor string) string { return `"` + feedID(cursor) + `"` }

// bell wakes everybody who waits for the next change.
type bell struct {
	mu   sync.Mutex
	rung chan struct{}
}

func (b *bell) next() <-chan struct{} {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.rung == nil {
		b.rung = make(chan struct{})
	}
	return b.rung
}

func (b *bell) ring() {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.rung != nil {
		close(b.rung)
		b.rung = nil
	}
}

// feedCursors gives cursors a form that nobody else can make: what stands in them
// goes into a query.
type feedCursors struct{ key []byte }

func (f feedCursors) sum(raw []byte) []byte {
	mac := hmac.New(sha256.New, f.key)
	_, _ = mac.Write(raw)
	return mac.Sum(nil)[:16]
}

func (f feedCursors) seal(c postgres.FeedCursor) string {
	raw, err := json.Marshal(c)
	if err != nil {
		panic(err) // cannot happen: it is strings alone
	}
	return base64.RawURLEncoding.EncodeToString(append(f.sum(raw), raw...))
}

func (f feedCursors) open(text string) (c postgres.FeedCursor, err error) {
	if text == "" {
		return c, nil
	}
	sealed, err := base64.RawURLEncoding.DecodeString(text)
	if err != nil || len(sealed) < 16 || !hmac.Equal(f.sum(sealed[16:]), sealed[:16]) {
		return c, errors.New("a cursor that is none of ours")
	}
	return c, json.Unmarshal(sealed[16:], &c)
}
