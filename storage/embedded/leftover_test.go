package embedded

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

// foreign is a living process of the account that PostgreSQL runs as: the one
// kind of stale number that PostgreSQL itself does not see through.
func foreign(t *testing.T, a account) int {
	t.Helper()
	cmd := a.command(t.Context(), syscall.SIGKILL, "/", "/bin/sleep", "60")
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _, _ = cmd.Process.Kill(), cmd.Wait() })
	return cmd.Process.Pid
}

// dead is the number of a process that has ended.
func dead(t *testing.T) int {
	t.Helper()
	cmd := exec.Command("/bin/sleep", "0")
	if err := cmd.Run(); err != nil {
		t.Fatal(err)
	}
	return cmd.Process.Pid
}

func plant(t *testing.T, path, text string, a account) {
	t.Helper()
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Chown(path, a.uid, a.gid); err != nil {
		t.Fatal(err)
	}
}

func TestStart_StalePIDFile(t *testing.T) {
	t.Parallel()
	h := cluster(t)
	a, err := accountFor(h)
	if err != nil {
		t.Fatal(err)
	}
	lines := func(pid int) string {
		return fmt.Sprintf("%d\n%s\n1700000000\n5432\n%s\n\n  5432001    999999\nready   \n", pid, h.cluster(), h.cluster())
	}
	for name, text := range map[string]string{
		"dead":         lines(dead(t)),
		"foreign":      lines(foreign(t, a)),
		"init":         lines(1),
		"ourselves":    lines(os.Getpid()),
		"standalone":   lines(-foreign(t, a)),
		"cut off":      "12",
		"empty":        "",
		"not a number": "\x00\x00\x00\x00",
	} {
		t.Run(name, func(t *testing.T) {
			plant(t, pidFilePath(h.cluster()), text, a)
			plant(t, filepath.Join(h.cluster(), socketName+".lock"), text, a)
			stop(t, assertKept(t, h))
		})
	}
}

// Without our part PostgreSQL would refuse: the test above shows something.
func TestStalePIDFile_PostgreSQLAloneRefuses(t *testing.T) {
	t.Parallel()
	h := cluster(t)
	a, err := accountFor(h)
	if err != nil {
		t.Fatal(err)
	}
	b, err := FindBinaries(limit(t), 0)
	if err != nil {
		t.Fatal(err)
	}
	server, err := b.Path("postgres")
	if err != nil {
		t.Fatal(err)
	}
	plant(t, pidFilePath(h.cluster()), fmt.Sprintf("%d\n", foreign(t, a)), a)
	cmd := a.command(limit(t), syscall.SIGKILL, h.cluster(), server, settings(h.cluster(), h.cluster(), false, true)...)
	if _, err := runTool(cmd); err == nil || !strings.Contains(err.Error(), "already exists") {
		t.Errorf("PostgreSQL alone: %v", err)
	}
}

func TestDisown_KeepsTheRest(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "postmaster.pid")
	self := account{uid: os.Geteuid(), gid: os.Getegid()}
	plant(t, path, "123456789\n/data\n17\n", self)
	if err := disown(path, self.uid); err != nil {
		t.Fatal(err)
	}
	got, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if want := fmt.Appendf(nil, "%d\n/data\n17\n", os.Getpid()); !bytes.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
}

// Root writes in a directory that belongs to another account.
func TestDisown_FollowsNoLink(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	target, link := filepath.Join(dir, "shadow"), filepath.Join(dir, "postmaster.pid")
	plant(t, target, "root\n", account{uid: os.Geteuid(), gid: os.Getegid()})
	if err := os.Symlink(target, link); err != nil {
		t.Fatal(err)
	}
	if err := disown(link, os.Geteuid()); err == nil {
		t.Error("followed a link")
	}
	if err := disown(target, os.Geteuid()+1); err == nil {
		t.Error("wrote another's file")
	}
	if got, err := os.ReadFile(target); err != nil || string(got) != "root\n" {
		t.Errorf("the target became %q, %v", got, err)
	}
}

func FuzzParsePIDFile(f *testing.F) {
	f.Add("4711\n/data\n1700000000\n5432\n/run/x\n\n  5432001    131072\nready   \n")
	f.Add("-4711\n/data\n1700000000\n0\n")
	f.Add("")
	f.Add("\n\n\n\n\n\n1\n")
	f.Fuzz(func(t *testing.T, text string) {
		p := parsePIDFile(text)
		if p.PID < 0 {
			t.Errorf("%q: %+v", text, p)
		}
		if strings.Contains(p.SocketDir+p.Status, "\n") {
			t.Errorf("%q: a field of two lines: %+v", text, p)
		}
	})
}

func TestParsePIDFile(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]pidFile{
		"4711\n/data\n17\n5432\n/run/x y\n\n  5432001    131072\nready   \n": {4711, "/run/x y", "ready"},
		"4711\n/data\n17\n5432\n/run/x\n\n  5432001    131072\nstopping\n":   {4711, "/run/x", "stopping"},
		"-4711\n/data\n17\n":   {4711, "", ""},
		"":                     {0, "", ""},
		"99999999999999\n/d\n": {0, "", ""},
	} {
		if got := parsePIDFile(text); got != want {
			t.Errorf("%q: got %+v, want %+v", text, got, want)
		}
	}
}
