package ledger

import (
	"time"

	"github.com/gatehouse/gatehouse/storage/postgres"
)

// Slack is how much older than a token a change of rights may be and still count:
// the token may have been made from what was read just before, by a replica whose
// clock is ahead.
const Slack = 5 * time.Second

// Tables is where something changes that decides what a token is worth.
var Tables = []string{"revoked_tokens", "users", "user_group_memberships", "tenants", "clients", "client_groups"}

// Verdict is what memory knows of a token.
type Verdict int

const (
	// Unknown: memory is too old to say, or a right that the token rests on may have
	// changed since it was issued. The database knows.
	Unknown Verdict = iota
	// Dead: one of its ids stands in the ledger.
	Dead
	// Stands: nothing happened to it.
	Stands
)

// Token is by what a token is judged.
type Token struct {
	// IDs are those by which it may be dead: its jti, its grant, its session. An
	// empty one is none.
	IDs [3]string
	// RestsOn are the ids of whose rights are in it: its user, tenant, client, and
	// the owner of its agent. An empty one is none.
	RestsOn  [4]string
	IssuedAt time.Time
}

// Feed is where the ledger hears of changes, [postgres.Store] to wit.
type Feed interface {
	Follow(postgres.Follower)
	// Fresh reports whether everything was heard of until two seconds ago.
	Fresh() bool
}

// Ledger is the memory. It is safe for concurrent use.
type Ledger struct {
	feed     Feed
	lifetime time.Duration
	now      func() time.Time

	dead    instants // until when
	changed instants // since when
	turn    uint8
}

// New follows the feed. lifetime is the longest that a token lives, beginning with
// which a change of rights is forgotten.
func New(feed Feed, lifetime time.Duration, now func() time.Time) *Ledger {
	l := &Ledger{feed: feed, lifetime: lifetime, now: now}
	feed.Follow(postgres.Follower{
		Tables: Tables,
		// What is dead stays dead, whatever else is read anew.
		Reset: func() {}, Changed: l.learn, Read: l.sweep,
	})
	return l
}

// learn: a change counts from the moment of which it is certain that everything
// issued later knew of it.
func (l *Ledger) learn(c postgres.Change) {
	if c.Table == "revoked_tokens" {
		l.dead.raise(keyOf(c.ID), c.ExpiresAt)
		return
	}
	l.changed.raise(keyOf(c.ID), l.now().Add(Slack))
}

// Judge says what memory knows of a token. It asks nobody.
func (l *Ledger) Judge(t Token) Verdict {
	if !l.feed.Fresh() {
		return Unknown
	}
	for _, id := range t.IDs {
		if id == "" {
			continue
		}
		if _, dead := l.dead.get(keyOf(id)); dead {
			return Dead
		}
	}
	for _, id := range t.RestsOn {
		if id == "" {
			continue
		}
		if since, changed := l.changed.get(keyOf(id)); changed && t.IssuedAt.Unix() <= since {
			return Unknown
		}
	}
	return Stands
}

// Len is the number of dead ids that are held.
func (l *Ledger) Len() int { return l.dead.len() }

// sweep forgets, of a small part of memory at a time, what no living token can carry.
func (l *Ledger) sweep() {
	now := l.now()
	l.dead.sweep(l.turn, now)
	l.changed.sweep(l.turn, now.Add(-l.lifetime))
	l.turn++
}
