package embedded

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// fakeInstallation is a directory with a server that only tells its version.
func fakeInstallation(t *testing.T, version string) string {
	t.Helper()
	dir := t.TempDir()
	for name, text := range map[string]string{
		"postgres": "#!/bin/sh\necho 'postgres (PostgreSQL) " + version + "'\n",
		"initdb":   "#!/bin/sh\n",
	} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

func TestFindAll(t *testing.T) {
	t.Parallel()
	linked, bare := t.TempDir(), t.TempDir()
	v16, v17 := fakeInstallation(t, "16.4 (Debian 16.4-1)"), fakeInstallation(t, "17beta1")
	if err := os.Symlink(filepath.Join(v16, "postgres"), filepath.Join(linked, "postgres")); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(bare, "postgres"), []byte("#!/bin/sh\necho 'postgres (PostgreSQL) 18.0'\n"), 0o755); err != nil {
		t.Fatal(err)
	}
	all, err := findAll(t.Context(), []string{
		linked, v16, fakeInstallation(t, "14.9"), v17, bare, fakeInstallation(t, ""), "relative", "/[", "/nowhere/*",
	})
	if err != nil {
		t.Fatal(err)
	}
	if len(all) != 2 || all[0] != (Binaries{v16, 16}) || all[1] != (Binaries{v17, 17}) {
		t.Errorf("found %+v", all)
	}
}

func TestChoose(t *testing.T) {
	t.Parallel()
	all := []Binaries{{"/a", 16}, {"/b", 18}, {"/c", 17}}
	for major, want := range map[int]int{0: 18, 16: 16, 17: 17} {
		if got, err := choose(all, major); err != nil || got.Major() != want {
			t.Errorf("choose(%d) = %d, %v", major, got.Major(), err)
		}
	}
	if _, err := choose(all, 15); !errors.Is(err, ErrVersionMismatch) {
		t.Errorf("choose(15): %v", err)
	}
	if _, err := choose(nil, 0); !errors.Is(err, ErrNoBinaries) || !strings.Contains(err.Error(), "postgresql") {
		t.Errorf("choose of none: %v", err)
	}
}

func TestInstallCommand(t *testing.T) {
	t.Parallel()
	with := func(manager string) string {
		return installCommand(func(name string) (string, error) {
			if name == manager {
				return "/usr/bin/" + name, nil
			}
			return "", os.ErrNotExist
		})
	}
	for manager, want := range map[string]string{
		"apt-get": "sudo apt-get install -y postgresql",
		"brew":    "brew install postgresql@17",
		"dnf":     "sudo dnf install -y postgresql-server postgresql-contrib",
		"apk":     "apk add postgresql postgresql-contrib",
	} {
		if got := with(manager); got != want {
			t.Errorf("%s: %s", manager, got)
		}
		if got := with("none"); !strings.Contains(got, want) {
			t.Errorf("without any: %s", got)
		}
	}
}

func FuzzParseVersion(f *testing.F) {
	f.Add("postgres (PostgreSQL) 15.4 (Debian 15.4-1.pgdg120+1)\n")
	f.Add("postgres (PostgreSQL) 17beta1\n")
	f.Add("postgres (PostgreSQL) 99999999999999999999\n")
	f.Add("")
	f.Fuzz(func(t *testing.T, line string) {
		if major := parseVersion(line); major < 0 || major > 9999 {
			t.Errorf("%q: %d", line, major)
		}
	})
}

func TestParseVersion(t *testing.T) {
	t.Parallel()
	for line, want := range map[string]int{
		"postgres (PostgreSQL) 15.4 (Debian 15.4-1)": 15,
		"postgres (PostgreSQL) 16.2":                 16,
		"postgres (PostgreSQL) 18devel":              18,
		"postgres (EnterpriseDB) 15.4":               0,
		"psql (PostgreSQL) 15.4":                     0,
		"postgres (PostgreSQL) 99999":                0,
	} {
		if got := parseVersion(line); got != want {
			t.Errorf("%q: %d, want %d", line, got, want)
		}
	}
}

func TestDefaultDataDir(t *testing.T) {
	if os.Geteuid() == 0 {
		if got, err := DefaultDataDir(); err != nil || got != "/var/lib/gatehouse" {
			t.Errorf("root: %q, %v", got, err)
		}
		return
	}
	t.Setenv("HOME", "/home/x")
	for xdg, want := range map[string]string{"/data": "/data/gatehouse", "": "/home/x/.local/share/gatehouse", "rel": "/home/x/.local/share/gatehouse"} {
		t.Setenv("XDG_DATA_HOME", xdg)
		if got, err := DefaultDataDir(); err != nil || got != want {
			t.Errorf("XDG_DATA_HOME=%q: %q, %v", xdg, got, err)
		}
	}
}
