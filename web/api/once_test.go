package api_test

import (
	"encoding/json"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/gatehouse/gatehouse/authz"
	"github.com/gatehouse/gatehouse/web/webtest"
)

// withHeader sends a request to the API with one header more.
func withHeader(h *webtest.House, token, method, path, body, name, value string) webtest.Answer {
	h.T.Helper()
	r, err := http.NewRequestWithContext(h.T.Context(), method, h.Socket()+"/api/v1"+path, strings.NewReader(body))
	if err != nil {
		h.T.Fatal(err)
	}
	r.Header.Set("Content-Type", "application/json")
	r.Header.Set("Authorization", "Bearer "+token)
	r.Header.Set(name, value)
	return h.Send(r)
}

func TestIdempotencyKey(t *testing.T) {
	t.Parallel()
	h := house(t)
	h.User("olga", authz.RoleOwner)
	h.User("adam", authz.RoleAdmin)
	owner, admin := token(h, "olga", "openid admin agents:read"), token(h, "adam", "openid admin agents:read")
	create := func(token, key, body string) webtest.Answer {
		return withHeader(h, token, "POST", "/clients", body, "Idempotency-Key", key)
	}
	const body = `{"name":"Robot","kind":"service","scopes":["agents:read"]}`
	first, again := create(owner, "one", body), create(owner, "one", body)
	want(t, "first", first, http.StatusCreated)
	want(t, "again", again, http.StatusCreated)
	if first.Text("client_id") != again.Text("client_id") || first.Text("client_secret") != again.Text("client_secret") || first.Text("client_secret") == "" {
		t.Errorf("two answers:\n%s\n%s", first.Raw, again.Raw)
	}
	want(t, "another request", create(owner, "one", strings.Replace(body, "Robot", "Other", 1)), http.StatusUnprocessableEntity)
	if a := create(admin, "one", body); a.Status != http.StatusCreated || a.Text("client_id") == first.Text("client_id") {
		t.Errorf("another's key: %d %s", a.Status, a.Raw)
	}
	// What failed has made nothing, and can be put right under the same key.
	want(t, "refused", create(owner, "two", `{"name":"x","kind":"web"}`), http.StatusUnprocessableEntity)
	want(t, "put right", create(owner, "two", body), http.StatusCreated)
	// After a day the key is forgotten.
	h.Advance(25 * time.Hour)
	if a := create(token(h, "olga", "openid admin agents:read"), "one", body); a.Status != http.StatusCreated || a.Text("client_id") == first.Text("client_id") {
		t.Errorf("after a day: %d %s", a.Status, a.Raw)
	}
	// Neither the secret nor a digest that could be guessed stands in the table.
	if kept := h.World.Text(`select encode(answer, 'escape'), key from platform.idempotency_keys`); strings.Contains(kept, "gth_cs_") || !strings.Contains(kept, "two") {
		t.Errorf("kept: %s", kept)
	}
}

func TestIdempotencyKey_Parallel(t *testing.T) {
	t.Parallel()
	h := house(t)
	h.User("olga", authz.RoleOwner)
	owner := token(h, "olga", "openid admin")
	var all sync.WaitGroup
	answers := make(chan webtest.Answer, 20)
	for range cap(answers) {
		all.Go(func() {
			answers <- withHeader(h, owner, "POST", "/tenants", `{"name":"Gamma Ray","slug":""}`, "Idempotency-Key", "k")
		})
	}
	all.Wait()
	close(answers)
	made := 0
	for a := range answers {
		switch a.Status {
		case http.StatusCreated:
			made++
		case http.StatusConflict:
		default:
			t.Errorf("%d %s", a.Status, a.Raw)
		}
	}
	var tenants, events int
	h.World.Get(`select count(*) from platform.tenants where name = 'Gamma Ray'`, nil, &tenants)
	h.World.Get(`select count(*) from platform.audit_events where action = 'tenant.create'`, nil, &events)
	if made == 0 || tenants != 1 || events != 1 {
		t.Errorf("%d answers, %d tenants, %d events", made, tenants, events)
	}
}

// Every operation that creates takes a key.
func TestIdempotencyKey_OnEveryCreation(t *testing.T) {
	t.Parallel()
	h := house(t)
	var document struct {
		Paths map[string]map[string]struct {
			Parameters []struct{ Name, In string }
			Responses  map[string]any
		}
	}
	if err := json.Unmarshal([]byte(call(h, "", "GET", "/openapi.json", "").Raw), &document); err != nil {
		t.Fatal(err)
	}
	for path, methods := range document.Paths {
		for method, o := range methods {
			takes := false
			for _, p := range o.Parameters {
				takes = takes || p.In == "header" && p.Name == "Idempotency-Key"
			}
			if creates := o.Responses["201"] != nil; creates != takes {
				t.Errorf("%s %s: creates: %v, takes an Idempotency-Key: %v", method, path, creates, takes)
			}
		}
	}
}

// O7: keys that are a day old go.
func TestO7_IdempotencyKeysLeave(t *testing.T) {
	t.Parallel()
	h := house(t)
	h.User("olga", authz.RoleOwner)
	owner := token(h, "olga", "openid admin")
	want(t, "create", withHeader(h, owner, "POST", "/tenants", `{"name":"Gamma"}`, "Idempotency-Key", "k"), http.StatusCreated)
	count := func() (n int) { h.World.Get(`select count(*) from platform.idempotency_keys`, nil, &n); return n }
	if _, err := h.Store.ForOperator().Clean(t.Context(), h.Now().Add(23*time.Hour), 90*24*time.Hour); err != nil || count() != 1 {
		t.Errorf("after 23 hours: %d, %v", count(), err)
	}
	if _, err := h.Store.ForOperator().Clean(t.Context(), h.Now().Add(25*time.Hour), 90*24*time.Hour); err != nil || count() != 0 {
		t.Errorf("after 25 hours: %d, %v", count(), err)
	}
}
