package faults

import (
	"slices"
	"strings"
	"testing"
	"time"
)

// at builds events at so many seconds, each answered a hundred milliseconds later.
func at(second float64, e Event) Event {
	e.Begun = time.Unix(0, 0).Add(time.Duration(second * float64(time.Second)))
	e.Answered = e.Begun.Add(100 * time.Millisecond)
	if e.Status == 0 {
		e.Status = 200
	}
	return e
}

const lost = -1 // no answer came

var family = []Event{
	at(0, Event{Kind: Authorize, Yield: "code"}),
	at(1, Event{Kind: Redeem, Of: "code", Family: "f", Yield: "r1"}),
	at(2, Event{Kind: Refresh, Of: "r1", Family: "f", Yield: "r2"}),
	at(3, Event{Kind: Refresh, Of: "r2", Family: "f", Yield: "r3"}),
}

// TestJudge holds the judge to condemning forged histories, and to nothing else.
func TestJudge(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		name string
		then []Event
		rows map[string]Row
		want string // part of the verdict; "" for none
	}{
		{"all is well", nil, nil, ""},
		{"the same answer again", []Event{at(3.5, Event{Kind: Refresh, Of: "r2", Family: "f", Yield: "r3"})}, nil, ""},
		{"an answer was lost and is had again", []Event{
			at(4, Event{Kind: Refresh, Of: "r3", Family: "f", Status: lost}),
			at(5, Event{Kind: Refresh, Of: "r3", Family: "f", Yield: "r4"}),
		}, nil, ""},
		{"an answer was lost, and asked for too late", []Event{
			at(4, Event{Kind: Refresh, Of: "r3", Family: "f", Status: 503}),
			at(20, Event{Kind: Refresh, Of: "r3", Family: "f", Status: 400}),
		}, nil, ""},
		{"an answer was lost, and asked for in time", []Event{
			at(4, Event{Kind: Refresh, Of: "r3", Family: "f", Status: 503}),
			at(9, Event{Kind: Refresh, Of: "r3", Family: "f", Status: 400}),
		}, nil, "is lost"},
		{"a refresh token is gone", []Event{at(4, Event{Kind: Refresh, Of: "r3", Family: "f", Status: 400})}, nil, "is lost"},
		{"a code is gone", []Event{
			at(4, Event{Kind: Authorize, Yield: "other"}),
			at(5, Event{Kind: Redeem, Of: "other", Status: 400}),
		}, nil, "is lost"},
		{"a code yields two grants", []Event{at(4, Event{Kind: Redeem, Of: "code", Family: "g", Yield: "s1"})}, nil, "two grants"},
		{"a code that was presented twice ends its grant", []Event{
			at(4, Event{Kind: Redeem, Of: "code", Status: 400}),
			at(5, Event{Kind: Refresh, Of: "r3", Family: "f", Status: 400}),
		}, nil, ""},
		{"two at once, of which one was answered first", []Event{
			at(4, Event{Kind: Authorize, Yield: "other"}),
			at(5, Event{Kind: Redeem, Of: "other", Status: 400}),
			at(5, Event{Kind: Redeem, Of: "other", Family: "g", Yield: "s1"}),
			at(6, Event{Kind: Refresh, Of: "s1", Family: "g", Status: 400}),
		}, nil, ""},
		{"two at once leave a living grant", []Event{
			at(4, Event{Kind: Authorize, Yield: "other"}),
			at(5, Event{Kind: Redeem, Of: "other", Family: "g", Yield: "s1"}),
			at(5, Event{Kind: Redeem, Of: "other", Status: 400}),
			at(6, Event{Kind: Refresh, Of: "s1", Family: "g", Yield: "s2"}),
		}, nil, "was replayed"},
		{"two leaves", []Event{at(4, Event{Kind: Refresh, Of: "r2", Family: "f", Yield: "r3b"})}, nil, "two leaves"},
		{"the past lives", []Event{at(4, Event{Kind: Refresh, Of: "r1", Family: "f", Yield: "r2"})}, nil, "in its past"},
		{"theft ends the family", []Event{
			at(4, Event{Kind: Refresh, Of: "r1", Family: "f", Status: 400}),
			at(5, Event{Kind: Refresh, Of: "r3", Family: "f", Status: 400}),
		}, nil, ""},
		{"theft leaves the family alive", []Event{
			at(4, Event{Kind: Refresh, Of: "r1", Family: "f", Status: 400}),
			at(15, Event{Kind: Refresh, Of: "r3", Family: "f", Yield: "r4"}),
		}, nil, "was replayed"},
		{"a family comes back", []Event{
			at(4, Event{Kind: Revoke, Of: "r3", Family: "f"}),
			at(5, Event{Kind: Refresh, Of: "r3", Family: "f", Yield: "r4"}),
		}, nil, "was revoked and is refreshed"},
		{"a family is revoked", []Event{
			at(4, Event{Kind: Revoke, Of: "r3", Family: "f"}),
			at(5, Event{Kind: Refresh, Of: "r3", Family: "f", Status: 400}),
			at(7, Event{Kind: Introspect, Of: "a3", Family: "f"}),
		}, nil, ""},
		{"a token of a revoked family is active", []Event{
			at(4, Event{Kind: Revoke, Of: "r3", Family: "f"}),
			at(7, Event{Kind: Introspect, Of: "a3", Family: "f", Yield: Active}),
		}, nil, "is active"},
		{"a revocation in doubt excuses both", []Event{
			at(4, Event{Kind: Issue, Yield: "a"}),
			at(5, Event{Kind: Revoke, Of: "a", Status: 503}),
			at(8, Event{Kind: Introspect, Of: "a"}),
			at(9, Event{Kind: Introspect, Of: "a", Yield: Active}),
		}, nil, ""},
		{"a revoked token comes back", []Event{
			at(4, Event{Kind: Issue, Yield: "a"}),
			at(5, Event{Kind: Revoke, Of: "a"}),
			at(6, Event{Kind: Introspect, Of: "a", Yield: Active}), // memory is trusted for two seconds
			at(9, Event{Kind: Introspect, Of: "a", Yield: Active}),
		}, nil, "is active 3.9s later"},
		{"a token is lost", []Event{
			at(4, Event{Kind: Issue, Yield: "a"}),
			at(5, Event{Kind: Introspect, Of: "a"}),
		}, nil, "is not active"},
		{"a change with its event", []Event{at(4, Event{Kind: Change, Of: "x"})}, map[string]Row{"x": {true, 1}, "doubted": {false, 0}}, ""},
		{"a change is gone", []Event{at(4, Event{Kind: Change, Of: "x"})}, nil, "is not there"},
		{"a change without an event", []Event{at(4, Event{Kind: Change, Of: "x"})}, map[string]Row{"x": {true, 0}}, "0 events"},
		{"a change with two", nil, map[string]Row{"x": {true, 2}}, "2 events"},
		{"an event without a change", nil, map[string]Row{"x": {false, 1}}, "1 events"},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			verdicts := Judge(History{Events: append(slices.Clone(family), test.then...), Rows: test.rows})
			switch {
			case test.want == "" && len(verdicts) > 0:
				t.Errorf("condemned: %q", verdicts)
			case test.want != "" && !strings.Contains(strings.Join(verdicts, "\n"), test.want):
				t.Errorf("verdicts %q, want %q", verdicts, test.want)
			}
		})
	}
}
