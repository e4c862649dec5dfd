package remote

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"github.com/gatehouse/gatehouse/authz"
)

// ErrNotSignedIn says that there are no credentials.
var ErrNotSignedIn = errors.New("nobody is signed in: run \"gatehouse login\"")

// Credentials is what a sign-in gave.
type Credentials struct {
	Issuer       string         `json:"issuer"`
	AccessToken  Token          `json:"access_token"`
	RefreshToken Token          `json:"refresh_token,omitzero"`
	ExpiresAt    time.Time      `json:"expires_at"`
	Scopes       authz.ScopeSet `json:"scopes"`
}

// Fresh reports whether the access token is good for one more request.
func (c Credentials) Fresh(now time.Time) bool { return now.Add(10 * time.Second).Before(c.ExpiresAt) }

// File keeps the credentials of one account of this machine: mode 0600, in a
// directory of mode 0700.
type File struct{ Path string }

// maxFile is far more than credentials ever take.
const maxFile = 64 << 10

// Load reads the credentials. Its error is [ErrNotSignedIn] when there are none. A
// file that others could read or change is refused: what stands in it may be
// known to them, or be theirs.
func (f File) Load() (Credentials, error) {
	var c Credentials
	if err := f.checkDirectory(); err != nil {
		return c, err
	}
	document, err := f.read()
	if errors.Is(err, fs.ErrNotExist) {
		return c, ErrNotSignedIn
	}
	if err != nil {
		return c, fmt.Errorf("read credentials: %w", err)
	}
	// The decoder's own words could quote a token.
	if json.Unmarshal(document, &c) != nil || c.Issuer == "" || c.AccessToken.IsZero() {
		return Credentials{}, fmt.Errorf("read credentials: %s is damaged: remove it, and sign in again", f.Path)
	}
	return c, nil
}

// read judges the very file that it reads from.
func (f File) read() (document []byte, err error) {
	file, err := os.Open(f.Path)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, file.Close()) }()
	info, err := file.Stat()
	switch {
	case err != nil:
		return nil, err
	case !info.Mode().IsRegular():
		return nil, fmt.Errorf("%s is not a file", f.Path)
	case info.Mode().Perm()&0o077 != 0:
		return nil, fmt.Errorf("other accounts can reach %s (mode %04o): end your sessions on the server, remove it, and sign in again", f.Path, info.Mode().Perm())
	}
	return io.ReadAll(io.LimitReader(file, maxFile))
}

// checkDirectory refuses a place where others could put a file of their own.
func (f File) checkDirectory() error {
	dir := filepath.Dir(f.Path)
	info, err := os.Stat(dir)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return ErrNotSignedIn
	case err != nil:
		return fmt.Errorf("read credentials: %w", err)
	case info.Mode().Perm()&0o022 != 0:
		return fmt.Errorf("read credentials: other accounts can write to %s (mode %04o): take that from them", dir, info.Mode().Perm())
	}
	return nil
}

// Save replaces the credentials at once: whoever reads sees the old ones or the new.
func (f File) Save(c Credentials) error {
	document, err := json.MarshalIndent(c, "", "  ")
	if err != nil {
		return fmt.Errorf("encode credentials: %w", err)
	}
	dir := filepath.Dir(f.Path)
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return fmt.Errorf("keep credentials: %w", err)
	}
	if err := f.checkDirectory(); err != nil {
		return err
	}
	if err := f.replace(dir, append(document, '\n')); err != nil {
		return fmt.Errorf("keep credentials: %w", err)
	}
	return nil
}

func (f File) replace(dir string, document []byte) error {
	beside, err := os.CreateTemp(dir, ".credentials-*") // mode 0600
	if err != nil {
		return err
	}
	_, err = beside.Write(document)
	if err == nil {
		err = beside.Sync()
	}
	if err = errors.Join(err, beside.Close()); err == nil {
		err = os.Rename(beside.Name(), f.Path)
	}
	if err != nil {
		return errors.Join(err, os.Remove(beside.Name()))
	}
	return nil
}

// Remove forgets the credentials.
func (f File) Remove() error {
	if err := os.Remove(f.Path); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("remove credentials: %w", err)
	}
	return nil
}
