package faults

import (
	"fmt"
	"time"
)

const (
	// trusted is how long a replica trusts its memory: what another one revoked is
	// inactive there no later.
	trusted = 2 * time.Second
	// grace is how long a refresh token may be presented again after its rotation.
	grace = 10 * time.Second
	// fresh is how young a code or an access token is when it has surely not expired.
	codeFresh, tokenFresh = 30 * time.Second, 4 * time.Minute
)

// Judge says what in a history must not be, one sentence each. None means that:
//
//   - a code yields one grant at most, and one that was acknowledged can be redeemed;
//   - a refresh token that was acknowledged works, or was rotated, revoked or replayed;
//   - a family has one living leaf: a token has one successor, what lies behind it is
//     dead, and who presents that ends the family;
//   - what was acknowledged as revoked is never active again;
//   - every change has one event in the audit log, and no other has any.
func Judge(h History) []string {
	j := &judge{
		issued: map[string]time.Time{}, attempted: map[string]time.Time{}, next: map[string]Event{},
		revoked: map[string]time.Time{}, doubted: map[string]time.Time{}, replayed: map[string]time.Time{}, ended: map[string]time.Time{},
	}
	attempts := map[string][]Event{}
	for _, e := range h.Events {
		switch {
		case e.Kind == Redeem:
			attempts[e.Of] = append(attempts[e.Of], e)
		case e.Kind == Authorize && e.Acknowledged():
			j.issued[e.Yield] = e.Answered
		}
	}
	for code, of := range attempts {
		j.redeem(code, of)
	}
	for _, e := range h.Events {
		switch e.Kind {
		case Issue, Redeem:
			if e.Acknowledged() {
				j.issued[e.Yield] = e.Answered
			}
		case Refresh:
			j.refresh(e)
		case Revoke:
			j.revoke(e)
		case Introspect:
			j.introspect(e)
		}
	}
	for _, e := range h.Events {
		if row := h.Rows[e.Of]; e.Kind == Change && e.Acknowledged() && !row.Exists {
			j.condemn("the change %s was acknowledged and is not there", e.Of)
		}
	}
	for name, row := range h.Rows {
		if row.Exists && row.Events != 1 || !row.Exists && row.Events != 0 {
			j.condemn("the change %s (there: %v) has %d events in the audit log", name, row.Exists, row.Events)
		}
	}
	return j.verdicts
}

// judge is what is known so far; every key is a token, a code or a family.
type judge struct {
	verdicts  []string
	issued    map[string]time.Time // when it was acknowledged
	attempted map[string]time.Time // when it was first presented
	next      map[string]Event     // the rotation that was acknowledged
	revoked   map[string]time.Time // when that was acknowledged
	doubted   map[string]time.Time // when somebody first tried to revoke it
	replayed  map[string]time.Time // families: when somebody may have presented what was spent
	ended     map[string]time.Time // families: when that was refused, and so ended them
}

func (j *judge) condemn(format string, args ...any) {
	if len(j.verdicts) < 50 {
		j.verdicts = append(j.verdicts, fmt.Sprintf(format, args...))
	}
}

func first(of map[string]time.Time, key string, at time.Time) {
	if before, known := of[key]; key != "" && (!known || at.Before(before)) {
		of[key] = at
	}
}

// redeem judges all attempts on one code, which may have come at once.
func (j *judge) redeem(code string, attempts []Event) {
	var done []Event
	for _, e := range attempts {
		if e.Acknowledged() {
			done = append(done, e)
		}
	}
	switch {
	case len(done) > 1:
		j.condemn("the code %s yielded two grants: %s and %s", brief(code), done[0].Family, done[1].Family)
	case len(done) == 1 && len(attempts) > 1: // which ends its grant (RFC 6749 §4.1.2)
		for _, e := range attempts {
			if e != done[0] {
				first(j.replayed, done[0].Family, e.Begun)
			}
			if e.Refused() {
				last := e.Answered
				if done[0].Answered.After(last) {
					last = done[0].Answered
				}
				first(j.ended, done[0].Family, last)
			}
		}
	case len(attempts) == 1 && attempts[0].Refused():
		if issued, known := j.issued[code]; known && attempts[0].Begun.Sub(issued) < codeFresh {
			j.condemn("the code %s was acknowledged and is lost", brief(code))
		}
	}
}

func (j *judge) refresh(e Event) {
	before, again := j.attempted[e.Of]
	first(j.attempted, e.Of, e.Begun)
	next, rotated := j.next[e.Of]
	_, passed := j.next[next.Yield] // its successor is rotated too: it lies in the past
	switch {
	case e.Acknowledged():
		if at, dead := j.revoked[e.Family]; dead && e.Begun.After(at) {
			j.condemn("the family %s was revoked and is refreshed %v later", e.Family, e.Begun.Sub(at))
		}
		if at, dead := j.ended[e.Family]; dead && e.Begun.After(at) {
			j.condemn("the family %s was replayed and is refreshed", e.Family)
		}
		if rotated && next.Yield != e.Yield {
			j.condemn("the family %s has two leaves: %s became %s and %s", e.Family, brief(e.Of), brief(next.Yield), brief(e.Yield))
		}
		if rotated && passed && e.Begun.After(j.next[next.Yield].Answered) {
			j.condemn("the family %s takes %s, which lies in its past", e.Family, brief(e.Of))
		}
		if !rotated {
			j.next[e.Of] = e
		}
		j.issued[e.Yield] = e.Answered
	case e.Refused():
		_, revoked := j.doubted[e.Family]
		_, replayed := j.replayed[e.Family]
		// An attempt without an answer may have rotated it; within the grace the answer is
		// to be had again.
		late := again && e.Answered.Sub(before) > grace
		if _, known := j.issued[e.Of]; known && !rotated && !revoked && !replayed && !late {
			j.condemn("the refresh token %s of %s was acknowledged and is lost", brief(e.Of), e.Family)
		}
		first(j.replayed, e.Family, e.Begun)
		first(j.ended, e.Family, e.Answered)
	}
}

func (j *judge) revoke(e Event) {
	for _, key := range []string{e.Of, e.Family} {
		first(j.doubted, key, e.Begun)
		if e.Acknowledged() {
			first(j.revoked, key, e.Answered)
		}
	}
}

func (j *judge) introspect(e Event) {
	if !e.Acknowledged() {
		return
	}
	for _, key := range []string{e.Of, e.Family} {
		if at, dead := j.revoked[key]; dead && e.Yield == Active && e.Begun.After(at.Add(trusted)) {
			j.condemn("%s was revoked and is active %v later", brief(key), e.Begun.Sub(at))
		}
	}
	_, tried := j.doubted[e.Of]
	issued, known := j.issued[e.Of]
	if known && e.Yield != Active && e.Family == "" && !tried && e.Answered.Sub(issued) < tokenFresh {
		j.condemn("the token %s was acknowledged and is not active", brief(e.Of))
	}
}

// brief tells tokens apart without showing one.
func brief(token string) string {
	if len(token) <= 12 {
		return token
	}
	return "…" + token[len(token)-8:]
}
