package webtest

import (
	"os"
	"strconv"
	"testing"

	"github.com/gatehouse/gatehouse/storage/postgres"
	"github.com/gatehouse/gatehouse/web"
)

// Three is the house and two more replicas of it, each with the connections that a hundred
// requests at once ask for, so that what is tested is the order of writes and not the
// length of a queue.
func (h *House) Three() []*House {
	h.T.Helper()
	return []*House{h, h.Replica(Wide), h.Replica(Wide)}
}

// Wide gives a replica more connections.
func Wide(_ *web.Config, o *postgres.Options) { o.MaxConns = 8 }

// Rounds is how often many compete for one thing: a few times, or as often as
// GATEHOUSE_TEST_ROUNDS says.
func Rounds(t testing.TB, few int) int {
	t.Helper()
	many := os.Getenv("GATEHOUSE_TEST_ROUNDS")
	if many == "" {
		return few
	}
	n, err := strconv.Atoi(many)
	if err != nil || n < 1 {
		t.Fatalf("GATEHOUSE_TEST_ROUNDS is %q", many)
	}
	return n
}

// Before is the same browser, cookies and all, whose requests a balancer sends to another
// replica.
func (b *Browser) Before(h *House) *Browser {
	other := *b
	other.base, other.socket = h.server.URL, h.server.URL
	return &other
}
