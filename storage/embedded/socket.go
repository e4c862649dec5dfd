package embedded

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"net/url"
	"os"
	"path/filepath"
	"strings"
)

// socketName is what PostgreSQL calls its socket; "5432" is no TCP port here.
const socketName = ".s.PGSQL.5432"

// socketDirFor is where the socket goes: the cluster's own directory, which
// PostgreSQL keeps closed to others, or when that path is too long for a
// socket, a directory of our own with a short name that follows from the path.
func socketDirFor(h home, a account) (string, error) {
	if fits(h.cluster()) {
		return h.cluster(), nil
	}
	sum := sha256.Sum256([]byte(h))
	name := "gatehouse-" + hex.EncodeToString(sum[:8])
	for _, base := range runtimeDirs(a) {
		if dir := filepath.Join(base, name); fits(dir) {
			return dir, privateDir(dir, a)
		}
	}
	return "", fmt.Errorf("no directory with a path short enough for a socket: shorten %s or TMPDIR", h)
}

// fits reports whether a socket in dir can be named by the kernel and by
// clients, to whom a comma separates two hosts.
func fits(dir string) bool {
	return len(filepath.Join(dir, socketName)) <= socketPathMax && !strings.Contains(dir, ",")
}

func runtimeDirs(a account) []string {
	dirs := []string{os.TempDir(), "/tmp"}
	if dir := os.Getenv("XDG_RUNTIME_DIR"); filepath.IsAbs(dir) && !a.other {
		dirs = append([]string{dir}, dirs...)
	}
	return dirs
}

// privateDir makes a directory that only the account may enter. Its parent may
// be open to all, so whatever already stands there must be just that.
func privateDir(dir string, a account) error {
	if err := os.Mkdir(dir, 0o700); err == nil {
		if err := os.Lchown(dir, a.uid, a.gid); err != nil {
			return errors.Join(fmt.Errorf("hand over socket directory: %w", err), os.Remove(dir))
		}
	} else if !errors.Is(err, fs.ErrExist) {
		return fmt.Errorf("make socket directory: %w", err)
	}
	info, err := os.Lstat(dir)
	if err != nil {
		return fmt.Errorf("check socket directory: %w", err)
	}
	if !info.IsDir() || ownerOf(info) != a.uid || info.Mode().Perm() != 0o700 {
		return fmt.Errorf("the socket directory %s is not a directory of mode 0700 owned by user %d: remove it", dir, a.uid)
	}
	return nil
}

// dsn is the connection string of a database, as an URL that libpq and pgx read.
func dsn(socketDir, database string) string {
	u := url.URL{Scheme: "postgres", User: url.User(Role), Path: "/" + database}
	query := url.Values{"host": {socketDir}, "port": {"5432"}, "sslmode": {"disable"}}.Encode()
	u.RawQuery = strings.ReplaceAll(query, "+", "%20") // libpq takes a plus for a plus
	return u.String()
}

// answers asks the server in the socket whether it speaks PostgreSQL's protocol,
// with the one message that needs no session: a request for TLS, which is
// answered by a single byte.
func answers(ctx context.Context, socketDir string) error {
	var d net.Dialer
	conn, err := d.DialContext(ctx, "unix", filepath.Join(socketDir, socketName))
	if err != nil {
		return err
	}
	defer conn.Close()
	if deadline, ok := ctx.Deadline(); ok {
		if err := conn.SetDeadline(deadline); err != nil {
			return err
		}
	}
	if _, err := conn.Write([]byte{0, 0, 0, 8, 0x04, 0xd2, 0x16, 0x2f}); err != nil {
		return err
	}
	var reply [1]byte
	if _, err := conn.Read(reply[:]); err != nil {
		return err
	}
	if reply[0] != 'N' && reply[0] != 'S' {
		return fmt.Errorf("the socket in %s does not speak PostgreSQL's protocol", socketDir)
	}
	return nil
}
