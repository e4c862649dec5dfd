package embedded

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"
)

// oldestMajor is the oldest version that the schema is written for.
const oldestMajor = 15

// installed lists where packages put the server, as patterns. Debian and
// others keep it out of the PATH, so that several versions can stand side by
// side. tools/install-postgres searches the same places.
var installed = []string{
	"/usr/lib/postgresql/*/bin",         // Debian, Ubuntu
	"/usr/pgsql-*/bin",                  // the PostgreSQL project's RPMs
	"/usr/lib/postgresql*/bin",          // SUSE
	"/usr/libexec/postgresql*",          // Alpine
	"/usr/local/pgsql/bin",              // built from source
	"/opt/homebrew/opt/postgresql*/bin", // Homebrew, in its three homes
	"/usr/local/opt/postgresql*/bin",
	"/home/linuxbrew/.linuxbrew/opt/postgresql*/bin",
	"/Applications/Postgres.app/Contents/Versions/*/bin",
}

// Binaries is one installed PostgreSQL.
type Binaries struct {
	dir   string
	major int
}

// Major is the major version, such as 17.
func (b Binaries) Major() int { return b.major }

// Path is where a program of this installation lives, such as psql, pg_dump or
// pg_restore. A package may leave some of them out.
func (b Binaries) Path(tool string) (string, error) {
	return exec.LookPath(filepath.Join(b.dir, tool))
}

// FindBinaries finds the installation of one major version, or with 0 the
// newest. Its error wraps [ErrNoBinaries] when there is none at all.
func FindBinaries(ctx context.Context, major int) (Binaries, error) {
	all, err := findAll(ctx, append(slices.Clone(installed), filepath.SplitList(os.Getenv("PATH"))...))
	if err != nil {
		return Binaries{}, err
	}
	return choose(all, major)
}

// choose takes the wanted major version, or with 0 the newest.
func choose(all []Binaries, major int) (Binaries, error) {
	if len(all) == 0 {
		return Binaries{}, fmt.Errorf("%w: install it with: %s", ErrNoBinaries, installCommand(exec.LookPath))
	}
	byMajor := func(a, b Binaries) int { return a.major - b.major }
	if major == 0 {
		return slices.MaxFunc(all, byMajor), nil
	}
	if i := slices.IndexFunc(all, func(b Binaries) bool { return b.major == major }); i >= 0 {
		return all[i], nil
	}
	newest := slices.MaxFunc(all, byMajor)
	return Binaries{}, fmt.Errorf("%w: install PostgreSQL %d beside the one that is here (%d)", ErrVersionMismatch, major, newest.major)
}

// findAll lists the installations in the directories that the patterns match,
// each once, however many links lead to it.
func findAll(ctx context.Context, patterns []string) ([]Binaries, error) {
	ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	var found []Binaries
	seen := map[string]bool{}
	for _, pattern := range patterns {
		if !filepath.IsAbs(pattern) {
			continue // a relative entry of the PATH would run what lies in the working directory
		}
		servers, err := filepath.Glob(filepath.Join(pattern, "postgres"))
		if err != nil {
			continue // a PATH entry may hold brackets that are no pattern
		}
		for _, server := range servers {
			server, err := filepath.EvalSymlinks(server)
			if err != nil || seen[server] {
				continue
			}
			seen[server] = true
			if b, ok := inspect(ctx, server); ok {
				found = append(found, b)
			}
		}
	}
	return found, ctx.Err()
}

// inspect asks a server for its version and looks for initdb beside it.
func inspect(ctx context.Context, server string) (Binaries, bool) {
	b := Binaries{dir: filepath.Dir(server)}
	if _, err := b.Path("initdb"); err != nil {
		return Binaries{}, false
	}
	out, err := exec.CommandContext(ctx, server, "--version").Output()
	if err != nil {
		return Binaries{}, false
	}
	b.major = parseVersion(string(out))
	return b, b.major >= oldestMajor
}

var versionLine = regexp.MustCompile(`^postgres \(PostgreSQL\) ([1-9][0-9]{0,3})(?:[^0-9]|$)`)

// parseVersion reads the major version out of "postgres (PostgreSQL) 15.4
// (Debian 15.4-1)"; 0 when the line is none.
func parseVersion(line string) int {
	m := versionLine.FindStringSubmatch(line)
	if m == nil {
		return 0
	}
	major, _ := strconv.Atoi(m[1])
	return major
}

// installCommand is the one command that installs PostgreSQL here.
func installCommand(lookPath func(string) (string, error)) string {
	managers := []struct{ name, command string }{
		{"brew", "brew install postgresql@17"},
		{"apt-get", "sudo apt-get install -y postgresql"},
		{"dnf", "sudo dnf install -y postgresql-server postgresql-contrib"},
		{"apk", "apk add postgresql postgresql-contrib"},
	}
	var every []string
	for _, m := range managers {
		if _, err := lookPath(m.name); err == nil {
			return m.command
		}
		every = append(every, m.command)
	}
	return strings.Join(every, ", or: ")
}
