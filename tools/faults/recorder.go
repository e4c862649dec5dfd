package faults

import (
	"context"
	"crypto/rand"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"
)

// Recorder is a mixed load that keeps what it was told.
type Recorder struct {
	t       testing.TB
	site    *Site
	log     log
	workers []*worker
	stop    context.CancelFunc
	running sync.WaitGroup
}

// Record signs the site's people in and lets each work, with a pause between two
// requests, until [Recorder.Settle].
func Record(t testing.TB, s *Site, pause time.Duration) *Recorder {
	t.Helper()
	r := &Recorder{t: t, site: s}
	for i, person := range s.People {
		w := &worker{caller: newCaller(s, i), log: &r.log, name: person}
		address, _ := w.authorization()
		if err := w.signIn(person, address); err != nil {
			t.Fatal(err)
		}
		r.workers = append(r.workers, w)
	}
	ctx, stop := context.WithCancel(t.Context())
	r.stop = stop
	for _, w := range r.workers {
		r.running.Go(func() { w.work(ctx, pause) })
	}
	t.Cleanup(func() {
		stop()
		r.running.Wait()
		for _, w := range r.workers {
			w.close()
		}
	})
	return r
}

// Take returns the tally since it was last taken.
func (r *Recorder) Take() Tally {
	r.log.mu.Lock()
	defer r.log.mu.Unlock()
	t := r.log.tally
	r.log.tally = Tally{}
	return t
}

// Settle ends the load, when everything works again, and asks what became of all that
// was acknowledged: each living family for its leaf and for its past, each revoked token
// at every replica, each change in the database.
func (r *Recorder) Settle() History {
	r.t.Helper()
	r.stop()
	r.running.Wait()
	for range 3 { // whatever the last fault left behind: connections that are dead, memory that is old
		time.Sleep(trusted)
		if r.workers[0].machineToken().status == http.StatusOK {
			break
		}
	}
	var settling sync.WaitGroup
	for _, w := range r.workers {
		settling.Go(w.settle)
	}
	settling.Wait()
	h := &r.log.history
	h.Rows = map[string]Row{}
	rows, err := r.site.Query(r.t.Context(), `
		with e as (select after->>'name' as name, object_id, count(*) n from platform.audit_events where action = 'group.create' group by 1, 2)
		select coalesce(g.name, e.name), g.id is not null, coalesce(e.n, 0)
		from platform.user_groups g full join e on e.object_id = g.id::text
		where coalesce(g.name, e.name) like '`+changes+`%'`)
	if err != nil {
		r.t.Fatal(err)
	}
	for _, row := range rows {
		var n int
		_, _ = fmt.Sscan(row[2], &n)
		h.Rows[row[0]] = Row{Exists: row[1] == "t", Events: n}
	}
	return *h
}

// changes is how the names of changes begin.
const changes = "fault-"

// familyOf is the grant that an access token is of.
func familyOf(token string) string {
	var claims struct {
		Grant string `json:"grant_id"`
	}
	read(token, 1, &claims)
	return claims.Grant
}

// read takes a part of a JWT into a struct, if it is one; its signature is others' matter.
func read(token string, part int, into any) {
	parts := strings.Split(token, ".")
	if len(parts) != 3 {
		return
	}
	if document, err := base64.RawURLEncoding.DecodeString(parts[part]); err == nil {
		_ = json.Unmarshal(document, into)
	}
}

func newName() string { return changes + strings.ToLower(rand.Text()) }
