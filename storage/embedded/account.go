package embedded

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"slices"
	"strconv"
	"syscall"
	"time"
)

// account is who PostgreSQL runs as. It refuses to run as root.
type account struct {
	name   string
	uid    int
	gid    int
	groups []uint32
	// other says that it is not who we are: we are root and step down to it.
	other bool
}

// accountFor is ourselves, or for root the owner of the data, or else the
// account named postgres, which every package of PostgreSQL makes.
func accountFor(h home) (account, error) {
	if os.Geteuid() != 0 {
		return account{uid: os.Geteuid(), gid: os.Getegid()}, nil
	}
	for _, dir := range []string{h.cluster(), string(h)} {
		info, err := os.Stat(dir)
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			return account{}, err
		}
		if uid := ownerOf(info); uid != 0 {
			return otherAccount(user.LookupId(strconv.Itoa(uid)))
		}
	}
	return otherAccount(user.Lookup("postgres"))
}

func otherAccount(u *user.User, err error) (account, error) {
	if err != nil {
		return account{}, fmt.Errorf("PostgreSQL does not run as root, and there is no account to run it as: %w", err)
	}
	a := account{name: u.Username, other: true}
	if a.uid, err = strconv.Atoi(u.Uid); err != nil {
		return account{}, fmt.Errorf("read user id: %w", err)
	}
	if a.gid, err = strconv.Atoi(u.Gid); err != nil {
		return account{}, fmt.Errorf("read group id: %w", err)
	}
	ids, err := u.GroupIds()
	if err != nil {
		return account{}, fmt.Errorf("list groups of %s: %w", a.name, err)
	}
	for _, id := range ids {
		gid, err := strconv.ParseUint(id, 10, 32)
		if err != nil {
			return account{}, fmt.Errorf("read group id: %w", err)
		}
		a.groups = append(a.groups, uint32(gid))
	}
	return a, nil
}

// command prepares a program to run as the account, in dir. When we end, the
// kernel sends it the signal. It inherits nothing from our environment, which
// may hold secrets.
func (a account) command(ctx context.Context, whenWeEnd syscall.Signal, dir, path string, args ...string) *exec.Cmd {
	cmd := exec.CommandContext(ctx, path, args...)
	cmd.Dir = dir
	cmd.Env = []string{"PATH=/usr/local/bin:/usr/bin:/bin", "LC_ALL=C", "TZ=UTC"}
	// A session of its own, so that Ctrl-C in a terminal reaches us alone and
	// we can finish with the database before we stop it.
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	endWithUs(cmd.SysProcAttr, whenWeEnd)
	if a.other {
		cmd.SysProcAttr.Credential = &syscall.Credential{Uid: uint32(a.uid), Gid: uint32(a.gid), Groups: a.groups}
	}
	cmd.WaitDelay = time.Second
	return cmd
}

// reach proves, by doing it, that the account can run the binaries and enter dir.
func (a account) reach(ctx context.Context, b Binaries, dir string) error {
	if !a.other {
		return nil
	}
	server, err := b.Path("postgres")
	if err != nil {
		return err
	}
	try := func(where string) error {
		_, err := runTool(a.command(ctx, syscall.SIGKILL, where, server, "--version"))
		return err
	}
	if try(dir) == nil {
		return nil
	}
	if err := try("/"); err != nil {
		return fmt.Errorf("the account %s, which PostgreSQL is to run as, cannot run it: %w", a.name, err)
	}
	return fmt.Errorf("the account %s, which PostgreSQL is to run as, cannot enter the data directory %s (closed at %s): open it to that account or choose another", a.name, dir, a.closedAt(dir))
}

// closedAt is the first directory on the way to dir whose mode keeps the account out.
func (a account) closedAt(dir string) string {
	var way []string
	for at := dir; ; at = filepath.Dir(at) {
		way = append(way, at)
		if at == filepath.Dir(at) {
			break
		}
	}
	for _, at := range slices.Backward(way) {
		if info, err := os.Stat(at); err != nil || !a.mayEnter(info) {
			return at
		}
	}
	return dir
}

func (a account) mayEnter(info fs.FileInfo) bool {
	gid := info.Sys().(*syscall.Stat_t).Gid
	switch {
	case ownerOf(info) == a.uid:
		return info.Mode()&0o100 != 0
	case int(gid) == a.gid || slices.Contains(a.groups, gid):
		return info.Mode()&0o010 != 0
	}
	return info.Mode()&0o001 != 0
}

func ownerOf(info fs.FileInfo) int { return int(info.Sys().(*syscall.Stat_t).Uid) }
