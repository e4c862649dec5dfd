package faults

import (
	"cmp"
	"sync"
	"time"
)

// Kind is what was asked for.
type Kind string

// What a client asks for, what it presents (Of), and what it gets (Yield).
const (
	Issue      Kind = "issue"      // client credentials; yields an access token
	Authorize  Kind = "authorize"  // yields a code
	Redeem     Kind = "redeem"     // of a code; yields a refresh token
	Refresh    Kind = "refresh"    // of a refresh token; yields the next one
	Revoke     Kind = "revoke"     // of an access token, or of a family by its refresh token
	Introspect Kind = "introspect" // of an access token; yields [Active] or nothing
	Change     Kind = "change"     // of a name that is to exist
)

// Active is what introspection yields for a token that lives.
const Active = "active"

// Event is one request and its answer.
type Event struct {
	Kind Kind
	Of   string
	// Family is the grant that Of or Yield belongs to, "" where there is none.
	Family          string
	Begun, Answered time.Time
	// Status is that of HTTP, 0 when no answer came.
	Status int
	Yield  string
}

// Acknowledged says that it was done.
func (e Event) Acknowledged() bool { return e.Status >= 200 && e.Status < 400 }

// Refused says that it was not done. What is neither is in doubt: it may have been
// done by a server that could not say so.
func (e Event) Refused() bool { return e.Status >= 400 && e.Status < 500 }

// Row is a change as the database has it in the end.
type Row struct {
	Exists bool
	Events int // in the audit log
}

// History is all that clients were told, in the order in which they were told, and
// what the database holds of their changes.
type History struct {
	Events []Event
	Rows   map[string]Row
}

// Tally counts answers by status; 0 is none at all.
type Tally struct {
	Answers map[int]int
	// Such is the first of each status that is no success.
	Such map[int]string
	// Slowest is the longest that anybody waited, and for what.
	Slowest time.Duration
	For     string
	// Bare counts answers of 503 that did not say when to come again.
	Bare int
	// Odd is the first answers that nothing explains: a status besides success, 503
	// and the refusal that was due.
	Odd []string
}

type log struct {
	mu      sync.Mutex
	history History
	tally   Tally
}

func (l *log) add(e Event) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.history.Events = append(l.history.Events, e)
}

func (l *log) count(what string, a answer, took time.Duration, odd bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.tally.Answers == nil {
		l.tally.Answers, l.tally.Such = map[int]int{}, map[int]string{}
	}
	if a.status < 200 || a.status >= 400 {
		l.tally.Such[a.status] = cmp.Or(l.tally.Such[a.status], a.String(what))
	}
	l.tally.Answers[a.status]++
	if took > l.tally.Slowest {
		l.tally.Slowest, l.tally.For = took, what
	}
	if a.status == 503 && a.header.Get("Retry-After") == "" {
		l.tally.Bare++
	}
	if odd && len(l.tally.Odd) < 10 {
		l.tally.Odd = append(l.tally.Odd, a.String(what))
	}
}
