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

// What was made is made once, whatever becomes of its answer and of who was to give it.
func TestIdempotencyKey_AnswerIsLost(t *testing.T) {
	t.Parallel()
	h := house(t)
	h.User("olga", authz.RoleOwner)
	owner := token(h, "olga", "openid admin agents:read")
	const body = `{"name":"Robot","kind":"service","scopes":["agents:read"]}`
	create := func(key string) webtest.Answer {
		return withHeader(h, owner, "POST", "/clients", body, "Idempotency-Key", key)
	}
	made := func() (n int) {
		h.World.Get(`select count(*) from platform.clients where name = 'Robot'`, nil, &n)
		return n
	}
	// The answer cannot be kept.
	h.World.Exec(`create function public.refuse() returns trigger language plpgsql as $$ begin if length(new.answer) > 0 then raise exception using errcode = '57014', message = 'no'; end if; return new; end $$`)
	h.World.Exec(`create trigger refuse before update on platform.idempotency_keys for each row execute function public.refuse()`)
	want(t, "made", create("lost"), http.StatusCreated)
	a := create("lost")
	want(t, "asked again", a, http.StatusConflict)
	if a.Header.Get("Retry-After") != "" || made() != 1 {
		t.Errorf("%d made; Retry-After %q", made(), a.Header.Get("Retry-After"))
	}
	h.World.Exec(`drop trigger refuse on platform.idempotency_keys`)

	// The process dies before anything is made, and after: as the key is then.
	for key, answer := range map[string]*string{"before": nil, "after": new(string)} {
		want(t, key, create(key), http.StatusCreated)
		h.World.Exec(`update platform.idempotency_keys set answer = $2::text::bytea where key = $1`, key, answer)
		want(t, key+", asked again at once", create(key), http.StatusConflict)
	}
	if n := made(); n != 3 {
		t.Errorf("%d made", n)
	}
	h.Advance(11 * time.Minute)
	owner = token(h, "olga", "openid admin agents:read")
	want(t, "before, asked again", create("before"), http.StatusCreated)
	want(t, "after, asked again", create("after"), http.StatusConflict)

	// The database ends the transaction that makes it: nothing is made, and the key is free.
	h.World.Exec(`create or replace function public.refuse() returns trigger language plpgsql as $$ begin raise exception using errcode = '57014', message = 'no'; end $$`)
	h.World.Exec(`create trigger refuse before insert on platform.clients for each row execute function public.refuse()`)
	want(t, "cut off", create("cut"), http.StatusServiceUnavailable)
	h.World.Exec(`drop trigger refuse on platform.clients`)
	want(t, "at last", create("cut"), http.StatusCreated)
	if n := made(); n != 5 {
		t.Errorf("%d made", n)
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
