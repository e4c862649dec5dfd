package config

import (
	"crypto/rand"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"
)

// secretName is the file in the data directory that holds a generated secret.
const secretName = "secret"

// MasterSecret is the configured secret or, in development where none is
// configured, the one of the data directory.
func (c *Config) MasterSecret() (Secret, error) {
	if c.Secret.IsSet() {
		return c.Secret, nil
	}
	if c.Env == Production {
		return Secret{}, errors.New("no secret is configured")
	}
	return LoadOrCreateSecret(c.DataDir)
}

// LoadOrCreateSecret reads the secret of a data directory, and makes it (and the
// directory) when there is none: 32 random bytes as base64url, readable by
// nobody else. It refuses a file that others can read or that is not ours.
func LoadOrCreateSecret(dataDir string) (Secret, error) {
	path := filepath.Join(dataDir, secretName)
	secret, err := readSecret(path)
	if !errors.Is(err, fs.ErrNotExist) {
		return secret, err
	}
	if err := makeDataDir(dataDir); err != nil {
		return Secret{}, fmt.Errorf("make data directory: %w", err)
	}
	if err := createSecret(path); err != nil && !errors.Is(err, fs.ErrExist) {
		return Secret{}, fmt.Errorf("make secret: %w", err)
	}
	// Ours, or that of a process that was faster.
	return readSecret(path)
}

func readSecret(path string) (Secret, error) {
	// The directory may belong to the account that runs PostgreSQL: root must
	// not follow a link planted in it, nor wait for a pipe.
	f, err := os.OpenFile(path, os.O_RDONLY|syscall.O_NOFOLLOW|syscall.O_NONBLOCK, 0)
	if err != nil {
		return Secret{}, fmt.Errorf("open secret: %w", err)
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return Secret{}, fmt.Errorf("open secret: %w", err)
	}
	owner, known := info.Sys().(*syscall.Stat_t)
	switch {
	case !info.Mode().IsRegular():
		return Secret{}, fmt.Errorf("%s is not a regular file: remove it", path)
	case known && int(owner.Uid) != os.Geteuid():
		return Secret{}, fmt.Errorf("%s belongs to another user (%d): run as that user, or name another --data-dir", path, owner.Uid)
	case info.Mode().Perm()&0o077 != 0:
		return Secret{}, fmt.Errorf("%s can be read by others (mode %04o): run chmod 600 on it, and if it was so for long, make a new one", path, info.Mode().Perm())
	}
	text, err := io.ReadAll(io.LimitReader(f, 4096))
	if err != nil {
		return Secret{}, fmt.Errorf("read secret: %w", err)
	}
	secret := withoutNewline(string(text))
	if err := judgeSecret(secret); err != nil {
		return Secret{}, fmt.Errorf("%s: %w", path, err)
	}
	return NewSecret(secret), nil
}

// createSecret writes a whole file under another name and links it into place:
// nobody sees half a secret, and of two processes one wins.
func createSecret(path string) (err error) {
	f, err := os.CreateTemp(filepath.Dir(path), ".secret-*")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.Remove(f.Name())) }()
	_, err = f.WriteString(randomSecret() + "\n")
	if err = errors.Join(err, f.Sync(), f.Close()); err != nil {
		return err
	}
	return os.Link(f.Name(), path)
}

func randomSecret() string {
	for {
		random := make([]byte, 32)
		_, _ = rand.Read(random) // never fails (crypto/rand, Go 1.24)
		// Chance may spell a word that would be refused at the next start.
		if text := base64.RawURLEncoding.EncodeToString(random); judgeSecret(text) == nil {
			return text
		}
	}
}

// makeDataDir makes the directory as storage/embedded does: root's may be
// crossed by others, because the account that runs PostgreSQL has to cross it.
func makeDataDir(dir string) error {
	if _, err := os.Stat(dir); !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	mode := fs.FileMode(0o700)
	if os.Geteuid() == 0 {
		mode = 0o711
	}
	if err := os.MkdirAll(filepath.Dir(dir), 0o755); err != nil {
		return err
	}
	if err := os.Mkdir(dir, mode); err != nil && !errors.Is(err, fs.ErrExist) {
		return err
	}
	return os.Chmod(dir, mode)
}
