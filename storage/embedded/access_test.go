package embedded

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

// nobody is an account that is neither root nor the one that runs PostgreSQL.
const nobody = 65534

func TestSocket_OtherUsersAreKeptOut(t *testing.T) {
	t.Parallel()
	for name, h := range map[string]home{"short": home(dataDir(t)), "long": home(longDir(t))} {
		t.Run(name, func(t *testing.T) {
			s := run(t, string(h))
			query(t, s.DSN(Database), "select 1")
			info, err := os.Lstat(s.socketDir)
			if err != nil {
				t.Fatal(err)
			}
			a, err := accountFor(h)
			if err != nil {
				t.Fatal(err)
			}
			if info.Mode().Perm() != 0o700 || ownerOf(info) != a.uid {
				t.Errorf("socket directory: mode %v, owner %d", info.Mode(), ownerOf(info))
			}
			if os.Geteuid() != 0 {
				return // only root can try as another
			}
			cmd := psql(t, s.DSN(Database), "select 1")
			cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: nobody, Gid: nobody}}
			if out, err := cmd.CombinedOutput(); err == nil || !strings.Contains(string(out), "Permission denied") {
				t.Errorf("another user: %v\n%s", err, out)
			}
		})
	}
}

func longDir(t *testing.T) string {
	t.Helper()
	dir := dataDir(t)
	for range 4 {
		dir = filepath.Join(dir, strings.Repeat("long", 10))
		if err := os.Mkdir(dir, 0o711); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

func TestSocket_LongPath(t *testing.T) {
	t.Parallel()
	h := home(longDir(t))
	s := run(t, string(h))
	if !s.ownDir || !fits(s.socketDir) {
		t.Fatalf("socket in %s", s.socketDir)
	}
	dsn, running, err := Attach(limit(t), Options{DataDir: string(h)})
	if err != nil || !running {
		t.Fatalf("Attach: running %v, %v", running, err)
	}
	query(t, dsn, "select 1")
	stop(t, s)
	if _, err := os.Stat(s.socketDir); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("socket directory after Stop: %v", err)
	}
}

func TestPrivateDir_Squatters(t *testing.T) {
	t.Parallel()
	self := account{uid: os.Geteuid(), gid: os.Getegid()}
	parent := t.TempDir()
	at := func(name string, mode os.FileMode) string {
		dir := filepath.Join(parent, name)
		if err := os.Mkdir(dir, 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.Chmod(dir, mode); err != nil {
			t.Fatal(err)
		}
		return dir
	}
	private := at("private", 0o700)
	link, file := filepath.Join(parent, "link"), filepath.Join(parent, "file")
	if err := os.Symlink(private, link); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(file, nil, 0o700); err != nil {
		t.Fatal(err)
	}
	for _, dir := range []string{at("open", 0o755), at("group", 0o750), link, file} {
		if privateDir(dir, self) == nil {
			t.Errorf("took %s", dir)
		}
	}
	if privateDir(private, account{uid: self.uid + 1}) == nil {
		t.Error("took another user's directory")
	}
	for _, dir := range []string{private, filepath.Join(parent, "new")} {
		if err := privateDir(dir, self); err != nil {
			t.Error(err)
		}
	}
}

func TestFits(t *testing.T) {
	t.Parallel()
	longest := "/" + strings.Repeat("a", socketPathMax-len(socketName)-2)
	for dir, want := range map[string]bool{longest: true, longest + "a": false, "/a,b": false, "/a b": true} {
		if got := fits(dir); got != want {
			t.Errorf("fits(%q) = %v", dir, got)
		}
	}
}

func TestStart_UnreachableDirectoryIsNamed(t *testing.T) {
	t.Parallel()
	if os.Geteuid() != 0 {
		return // PostgreSQL runs as ourselves, who reach what we were given
	}
	closed := filepath.Join(dataDir(t), "closed")
	if err := os.Mkdir(closed, 0o700); err != nil {
		t.Fatal(err)
	}
	_, err := Start(limit(t), Options{DataDir: filepath.Join(closed, "data")})
	if err == nil || !strings.Contains(err.Error(), "closed at "+closed+")") {
		t.Errorf("Start: %v", err)
	}
}

func TestStart_RootRunsAsTheOwner(t *testing.T) {
	t.Parallel()
	owner := os.Geteuid()
	h := home(dataDir(t))
	if owner == 0 {
		owner = nobody
		if err := os.Chown(string(h), nobody, nobody); err != nil {
			t.Fatal(err)
		}
	}
	s := run(t, string(h))
	query(t, s.DSN(Database), "select 1")
	info, err := os.Stat(filepath.Join(h.cluster(), socketName))
	if err != nil {
		t.Fatal(err)
	}
	if ownerOf(info) != owner {
		t.Errorf("the socket is user %d's, want %d", ownerOf(info), owner)
	}
}

func TestCommand_InheritsNoSecrets(t *testing.T) {
	t.Setenv("GATEHOUSE_SECRET", "hunter2")
	cmd := account{}.command(t.Context(), syscall.SIGKILL, "/", "/usr/bin/env")
	out, err := runTool(cmd)
	if err != nil {
		t.Fatal(err)
	}
	if strings.Contains(string(out), "hunter2") {
		t.Errorf("the child sees our environment:\n%s", out)
	}
}
