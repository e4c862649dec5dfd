package main

import (
	"bytes"
	"fmt"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/gatehouse/gatehouse/storage/postgres"
)

// people is a file of so many users, without a line that is wrong.
func people(n int) string {
	var text strings.Builder
	text.WriteString("username,email,display_name,role\n")
	for i := range n {
		fmt.Fprintf(&text, "person%d,person%d@example.com,Person %d,user\n", i, i, i)
	}
	return text.String()
}

// An import that is killed in the middle has made whole users, each with their event;
// the same command with --resume makes the rest, and none twice.
func TestUsers_Bulk_Killed(t *testing.T) {
	t.Parallel()
	h, store := deployment(t)
	const all = 5000
	file := usersFile(t, "people.csv", people(all))
	count := func() int {
		t.Helper()
		n, err := store.ForOperator().CountUsers(t.Context(), postgres.UserFilter{})
		if err != nil {
			t.Fatal(err)
		}
		return n
	}
	cmd := exec.Command(built(t, t.TempDir()), "admin", "users", "bulk", "import", file)
	cmd.Env = h.environ
	var said bytes.Buffer
	cmd.Stdout, cmd.Stderr = &said, &said
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	ended := make(chan error, 1)
	go func() { ended <- cmd.Wait() }()
	for count() == 0 {
		select {
		case err := <-ended:
			t.Fatalf("it ended before it was killed: %v\n%s", err, said.String())
		case <-time.After(time.Millisecond):
		}
	}
	if err := cmd.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	<-ended
	// What the database was doing when the program died, it may still bring to its end.
	done := count()
	for last := -1; last != done; last, done = done, count() {
		time.Sleep(200 * time.Millisecond)
	}
	if done == 0 || done == all {
		t.Fatalf("%d of %d are there: it was not killed in the middle", done, all)
	}
	if check, err := store.ForOperator().VerifyAudit(t.Context()); err != nil || check.Broken || check.Events < int64(done) {
		t.Errorf("%d users and the audit log says %+v, %v", done, check, err)
	}
	if members := h.document("admin", "users", "count", "--tenant", "default"); members["count"] != float64(done) {
		t.Errorf("%v of %d users are members", members["count"], done)
	}
	if r := h.call("admin", "users", "bulk", "import", file); r.code != exitFailure || count() != done {
		t.Errorf("without --resume: exit %d, %d users\n%s", r.code, count(), r.errs)
	}
	if d := h.document("admin", "users", "bulk", "import", file, "--resume"); d["changed"] != float64(all-done) || d["unchanged"] != float64(done) || count() != all {
		t.Errorf("resumed after %d: %v; %d users are there", done, d, count())
	}
}

// A file is judged whole: the limit of a tenant too, although its users go over in
// parts of which each would have room.
func TestUsers_Bulk_LimitOfTheWhole(t *testing.T) {
	t.Parallel()
	h, store := deployment(t)
	h.must("admin", "tenants", "create", "--slug", "default", "--max-users", "450")
	h.given(people(50)).must("admin", "users", "bulk", "import")
	r := h.given(people(452)).call("admin", "users", "bulk", "import", "--resume")
	if r.code != exitFailure || !strings.Contains(r.errs, "2 of 452 lines were refused") || !strings.Contains(r.out, "max_users is 450") {
		t.Errorf("two too many: exit %d\n%.500s%s", r.code, r.out, r.errs)
	}
	if n, err := store.ForOperator().CountUsers(t.Context(), postgres.UserFilter{}); err != nil || n != 50 {
		t.Errorf("%d users are there, %v", n, err)
	}
	if d := h.given(people(450)).document("admin", "users", "bulk", "import", "--resume"); d["changed"] != 400.0 || d["unchanged"] != 50.0 {
		t.Errorf("as many as there is room for: %v", d)
	}
}

// built is the program, in a folder.
func built(t *testing.T, dir string) string {
	t.Helper()
	binary := filepath.Join(dir, "gatehouse")
	if out, err := exec.Command("go", "build", "-o", binary, ".").CombinedOutput(); err != nil {
		t.Fatalf("build: %v\n%s", err, out)
	}
	return binary
}
