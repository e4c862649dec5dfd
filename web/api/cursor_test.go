package api

import (
	"encoding/base64"
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/gatehouse/gatehouse/authz/directory"
)

// M5: a cursor is what was given out, byte by byte, or it never reaches the database.
func TestM5_CursorIsSealed(t *testing.T) {
	c, err := newCursors([]byte("the secret of this deployment, 32 bytes or more"))
	if err != nil {
		t.Fatal(err)
	}
	other, err := newCursors([]byte("the secret of another deployment, also 32 bytes"))
	if err != nil {
		t.Fatal(err)
	}
	const key = "0198c0de-0000-7000-8000-000000000000"
	sealed := c.seal(key)
	if got, err := c.open(sealed); err != nil || got != key {
		t.Errorf("own: %q, %v", got, err)
	}
	if got, err := c.open(""); err != nil || got != "" || c.seal("") != "" {
		t.Errorf("the beginning: %q, %v", got, err)
	}
	raw, _ := base64.RawURLEncoding.DecodeString(sealed)
	forged := []string{
		key, "x", "' or 1=1--", "(select pg_sleep(9))", sealed[:len(sealed)-1], sealed + "A", sealed + "=", "\n" + sealed, strings.ToUpper(sealed),
		other.seal(key), base64.RawURLEncoding.EncodeToString([]byte(key)), base64.RawURLEncoding.EncodeToString(raw[:sealSize]),
		base64.RawURLEncoding.EncodeToString(append(make([]byte, sealSize), key...)),
	}
	for i := range raw {
		changed := slices.Clone(raw)
		changed[i] ^= 1
		forged = append(forged, base64.RawURLEncoding.EncodeToString(changed))
	}
	for _, cursor := range forged {
		var wrong *directory.InvalidError
		if got, err := c.open(cursor); got != "" || !errors.As(err, &wrong) || wrong.Field != "after" {
			t.Errorf("%q: %q, %v", cursor, got, err)
		}
	}
}

// FuzzCursor: nothing that was not sealed opens.
func FuzzCursor(f *testing.F) {
	c, err := newCursors([]byte("the secret of this deployment, 32 bytes or more"))
	if err != nil {
		f.Fatal(err)
	}
	f.Add(c.seal("key"))
	f.Add("' or 1=1--")
	f.Fuzz(func(t *testing.T, cursor string) {
		if key, err := c.open(cursor); err == nil && cursor != "" && c.seal(key) != cursor {
			t.Errorf("%q opens as %q", cursor, key)
		}
	})
}
