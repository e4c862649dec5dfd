package resource

import (
	"context"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/url"
	"strconv"
	"sync"
	"time"

	"github.com/go-jose/go-jose/v4/json"

	"github.com/gatehouse/gatehouse/authz"
)

const (
	// feedWait is how long an answer may be held back while there is nothing new; less
	// than fetchTimeout.
	feedWait = 3 * time.Second
	// feedPause keeps a feed that fails from being asked all the time.
	feedPause = 500 * time.Millisecond
	// defaultMaxSilence is for [OfflineConfig.MaxSilence].
	defaultMaxSilence = 15 * time.Second
)

// OfflineConfig is what an [Offline] needs to know.
type OfflineConfig struct {
	Config
	// ClientID is a client that may introspect, which proves itself by either of
	// ClientSecret and ClientKey.
	ClientID     authz.ClientID
	ClientSecret Secret
	ClientKey    ClientKey
	// MaxSilence is how long the feed may be silent before nothing is let in any more
	// ([ErrUnavailable]); zero means 15 seconds. What is revoked while it is silent is
	// learned of when it speaks again.
	MaxSilence time.Duration
	// Logger is told when the feed fails; nil means slog.Default().
	Logger *slog.Logger
}

// Offline proves access tokens without asking about them: by the issuer's keys,
// and by the feed of what was revoked, which [Offline.Follow] keeps current. A
// revoked token is refused as soon as the feed has told, commonly within
// milliseconds. Only about a token whose user, tenant or client lost or gained a
// right since it was issued is the issuer asked, at most once in a second: the
// answer tells what of its scopes is still true.
//
// An agent's token counts as changed with the rights of its owner, too. Where subjects
// are pairwise the user's id is not in the token, so a changed right of the user shows
// when the token is refreshed; their ended sessions and grants show at once.
type Offline struct {
	*Verifier
	config OfflineConfig
	client credentials
	fetch  fetcher
	feed   string
	// asked is for tokens of which the feed says no more than that they may not be
	// true any longer.
	asked  *Cached
	cursor string

	mu      sync.RWMutex
	dead    memory
	changed memory
	heard   time.Time
}

// NewOffline fetches the keys and reads the feed for the first time.
func NewOffline(ctx context.Context, c OfflineConfig) (*Offline, error) {
	if c.Now == nil {
		c.Now = time.Now
	}
	client := credentials{c.Issuer, c.ClientID, c.ClientSecret, c.ClientKey, c.Now}
	if err := client.check(); err != nil {
		return nil, err
	}
	if c.MaxSilence == 0 {
		c.MaxSilence = defaultMaxSilence
	}
	if c.Logger == nil {
		c.Logger = slog.Default()
	}
	fetch := newFetcher(c.HTTPClient)
	metadata, err := discover(ctx, fetch, c.Issuer)
	if err != nil {
		return nil, err
	}
	feed := metadata.RevocationFeedEndpoint
	if _, err := checkURL(feed); err != nil {
		return nil, fmt.Errorf("revocation feed %.200q: %w", feed, err)
	}
	introspector, err := NewIntrospector(ctx, IntrospectorConfig{
		Issuer: c.Issuer, Audience: c.Audience, Endpoint: metadata.IntrospectionEndpoint,
		ClientID: c.ClientID, ClientSecret: c.ClientSecret, ClientKey: c.ClientKey, HTTPClient: c.HTTPClient, Now: c.Now,
	})
	if err != nil {
		return nil, err
	}
	verifier, err := NewVerifier(ctx, c.Config)
	if err != nil {
		return nil, err
	}
	o := &Offline{
		Verifier: verifier, config: c, client: client, fetch: fetch, feed: feed,
		asked: NewCached(introspector, CacheConfig{Now: c.Now}),
	}
	for more := true; more; {
		if more, err = o.read(ctx, 0); err != nil {
			return nil, fmt.Errorf("read the revocation feed: %w", err)
		}
	}
	return o, nil
}

// Follow reads the feed until the context ends. Call it once, in a goroutine of its
// own.
func (o *Offline) Follow(ctx context.Context) {
	for ctx.Err() == nil {
		_, err := o.read(ctx, feedWait)
		if err == nil || ctx.Err() != nil {
			continue
		}
		o.config.Logger.ErrorContext(ctx, "read the revocation feed", "error", err)
		select {
		case <-ctx.Done():
		case <-time.After(feedPause):
		}
	}
}

// Silence is how long the feed has told nothing: at most a few seconds, unless it
// cannot be reached.
func (o *Offline) Silence() time.Duration {
	o.mu.RLock()
	defer o.mu.RUnlock()
	return o.now().Sub(o.heard)
}

// Authenticate implements [Authenticator].
func (o *Offline) Authenticate(ctx context.Context, text string) (*Principal, error) {
	p, err := o.Verifier.Authenticate(ctx, text)
	if err != nil {
		return nil, err
	}
	changed, err := o.judge(p)
	if err != nil {
		return nil, err
	}
	if changed {
		return o.asked.Authenticate(ctx, text)
	}
	return p, nil
}

// judge looks up what the feed has told of a token: whether it is dead, and whether a
// right that it rests on has changed since it was issued.
func (o *Offline) judge(p *Principal) (changed bool, err error) {
	o.mu.RLock()
	defer o.mu.RUnlock()
	if silent := o.now().Sub(o.heard); silent > o.config.MaxSilence {
		return false, fmt.Errorf("%w: the revocation feed is silent for %v", ErrUnavailable, silent.Round(time.Second))
	}
	for _, id := range []string{p.TokenID, p.GrantID, p.SessionID} {
		if _, dead := o.dead.get(feedID(id)); dead && id != "" {
			return false, fmt.Errorf("%w: revoked", ErrInvalidToken)
		}
	}
	for _, id := range []string{p.Subject, p.Tenant.String(), string(p.ClientID)} {
		if since, told := o.changed.get(feedID(id)); told && p.IssuedAt.Unix() <= since {
			return true, nil
		}
	}
	return false, nil
}

// feedID is how the feed names an id.
func feedID(id string) [16]byte {
	sum := sha256.Sum256([]byte(id))
	return [16]byte(sum[:16])
}

// feedAnswer is one answer of the feed.
type feedAnswer struct {
	Cursor  string `json:"cursor"`
	More    bool   `json:"more"`
	Dead    told   `json:"dead"`
	Changed told   `json:"changed"`
}

// told is ids, as the feed names them, and instants in seconds since 1970.
type told map[[16]byte]int64

// UnmarshalJSON implements [json.Unmarshaler].
func (t *told) UnmarshalJSON(document []byte) error {
	var texts map[string]int64
	if err := json.Unmarshal(document, &texts); err != nil {
		return err
	}
	*t = make(told, len(texts))
	for text, at := range texts {
		raw, err := base64.RawURLEncoding.DecodeString(text)
		if err != nil || len(raw) != 16 {
			return fmt.Errorf("%.30q is not the name of an id", text)
		}
		(*t)[[16]byte(raw)] = at
	}
	return nil
}

// memory is what was told, in parts: of a million ids one part is looked through in a
// moment, for which nobody waits.
type memory struct {
	parts [256]told
	turn  uint8
}

func (m *memory) get(id [16]byte) (at int64, known bool) {
	at, known = m.parts[id[0]][id]
	return at, known
}

// raise sets instants unless later ones are known.
func (m *memory) raise(news told) {
	for id, at := range news {
		part := &m.parts[id[0]]
		if *part == nil {
			*part = told{}
		}
		(*part)[id] = max((*part)[id], at)
	}
}

// forget removes what is older than an instant, from one part after the other. What is
// kept for longer does no harm.
func (m *memory) forget(before time.Time) {
	part := m.parts[m.turn]
	for id, at := range part {
		if at < before.Unix() {
			delete(part, id)
		}
	}
	m.turn++
}

// read asks once, and reports whether there is more to read at once.
func (o *Offline) read(ctx context.Context, wait time.Duration) (more bool, err error) {
	begun := o.now()
	form := url.Values{"wait": {strconv.Itoa(int(wait.Seconds()))}}
	if o.cursor != "" {
		form.Set("cursor", o.cursor)
	}
	request, err := o.client.post(o.feed, form)
	if err != nil {
		return false, err
	}
	answer, err := o.fetch.do(ctx, request)
	if err != nil {
		return false, err
	}
	switch answer.status {
	case http.StatusOK:
	case http.StatusBadRequest: // a cursor of before the issuer's secret changed
		o.cursor = ""
		return true, errors.New("the cursor is refused; beginning anew")
	default:
		return false, fmt.Errorf("the feed answered %d", answer.status)
	}
	var news feedAnswer
	if err := json.Unmarshal(answer.body, &news); err != nil {
		return false, fmt.Errorf("decode the feed: %w", err)
	}
	o.learn(news, begun)
	o.cursor = news.Cursor
	return news.More, nil
}

// learn adds what was told, and forgets some of what no living token can carry.
func (o *Offline) learn(news feedAnswer, begun time.Time) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.dead.raise(news.Dead)
	o.changed.raise(news.Changed)
	if news.More {
		return
	}
	o.heard = begun
	o.dead.forget(o.now())
	o.changed.forget(o.now().Add(-24 * time.Hour)) // no access token lives for a day
}
