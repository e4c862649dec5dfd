package faults

import (
	"net/http"
	"net/url"
	"os/exec"
	"path/filepath"
	"testing"
)

// TestP10_RestoredBackupRevivesNothing puts a back-up back, each way that docs/operations.md
// has: what was revoked or spent after it was made stays so, what was alive then ends with it,
// and people and clients begin anew.
func TestP10_RestoredBackupRevivesNothing(t *testing.T) {
	h := Open(t, Options{Replicas: 1, People: 1})
	file, copied := filepath.Join(h.dir, "backup.dump"), filepath.Join(h.dir, "snapshot")
	must := func(args ...string) {
		t.Helper()
		if _, err := h.Operate(t.Context(), "", args...); err != nil {
			t.Fatal(err)
		}
	}
	cp := func(from, to string) { // PostgreSQL stands still meanwhile
		t.Helper()
		h.StopDatabase()
		if out, err := exec.Command("sh", "-c", `rm -rf "$2" && cp -a "$1" "$2"`, "sh", from, to).CombinedOutput(); err != nil {
			t.Fatalf("%v: %s", err, out)
		}
		h.StartDatabase()
	}
	for name, way := range map[string]struct{ save, restore func() }{
		"an export":  {func() { must("db", "export", "--file", file) }, func() { must("db", "import", "--file", file, "--replace") }},
		"a snapshot": {func() { cp(h.options.DataDir, copied) }, func() { cp(copied, h.options.DataDir); must("db", "restored") }},
	} {
		w := only(t, h, 0)
		address, _ := w.authorization()
		if err := w.signIn(h.People[0], address); err != nil {
			t.Fatal(err)
		}
		var families []*grant
		for range 2 {
			w.families = nil
			w.codeFlow(t.Context())
			if len(w.families) != 1 {
				t.Fatalf("%s: no code flow", name)
			}
			families = append(families, w.families[0])
		}
		kept, ended := families[0], families[1]
		machine := w.machineToken().text("access_token")
		way.save()
		within(t, patience, "served after the back-up", h.Replicas[0].Ready)
		w.families = []*grant{kept}
		w.refresh(t.Context())
		if len(kept.refresh) != 2 {
			t.Fatalf("%s: not rotated", name)
		}
		for of, text := range map[*Client]string{&h.Web: ended.leaf(), &h.Machine: machine} {
			if a := w.post("/oauth2/revoke", of, url.Values{"token": {text}}); a.status != http.StatusOK {
				t.Fatal(a.String("revoke"))
			}
		}
		h.Replicas[0].Kill()
		way.restore()
		h.Replicas[0].Start()
		for what, text := range map[string]string{"revoked token": machine, "token of a revoked family": ended.access, "token of a living family": kept.access} {
			if w.active(t, text) {
				t.Errorf("%s: a %s is active", name, what)
			}
		}
		for what, text := range map[string]string{"revoked": ended.leaf(), "spent": kept.refresh[0], "living": kept.leaf()} {
			if e, a := w.present(&grant{}, text); !e.Refused() {
				t.Errorf("%s: a %s refresh token: %s", name, what, a.String("refresh"))
			}
		}
		if a := w.get(address); a.status == http.StatusSeeOther && len(a.header.Get("Location")) > 0 && a.header.Get("Location")[0] != '/' {
			t.Errorf("%s: a session lives on: %s", name, a.String("authorize"))
		}
		again := only(t, h, 0)
		if err := again.signIn(h.People[0], address); err != nil {
			t.Errorf("%s: afterwards: %v", name, err)
		}
		if fresh := again.machineToken().text("access_token"); !again.active(t, fresh) {
			t.Errorf("%s: no token afterwards", name)
		}
	}
}
