package api_test

import (
	"fmt"
	"net/http"
	"sync"
	"testing"

	"github.com/gatehouse/gatehouse/authz"
)

// What is changed under If-Match is what was seen: of many who saw the same, one wins.
func TestIfMatch(t *testing.T) {
	t.Parallel()
	h := house(t)
	h.User("olga", authz.RoleOwner)
	h.User("bob")
	owner := token(h, "olga", "openid admin")
	seen := call(h, owner, "GET", "/users/bob", "")
	tag := seen.Header.Get("ETag")
	want(t, "stale", withHeader(h, owner, "PATCH", "/users/bob", `{"display_name":"X"}`, "If-Match", `"other"`), http.StatusPreconditionFailed)
	if again := call(h, owner, "GET", "/users/bob", ""); tag == "" || again.Header.Get("ETag") != tag || again.Text("display_name") != "" {
		t.Errorf("after a refusal: %q, then %q: %s", tag, again.Header.Get("ETag"), again.Raw)
	}
	var all sync.WaitGroup
	statuses := make(chan int, 10)
	for i := range cap(statuses) {
		all.Go(func() {
			a := withHeader(h, owner, "PATCH", "/users/bob", fmt.Sprintf(`{"display_name":"Bob %d"}`, i), "If-Match", `"other", `+tag)
			statuses <- a.Status
		})
	}
	all.Wait()
	close(statuses)
	count := map[int]int{}
	for status := range statuses {
		count[status]++
	}
	if count[http.StatusOK] != 1 || count[http.StatusPreconditionFailed] != cap(statuses)-1 {
		t.Errorf("of %d parallel changes: %v", cap(statuses), count)
	}
	want(t, "any state", withHeader(h, owner, "PATCH", "/users/bob", `{"display_name":"X"}`, "If-Match", "*"), http.StatusOK)
	want(t, "without", call(h, owner, "PATCH", "/users/bob", `{"display_name":"Y"}`), http.StatusOK)
}
