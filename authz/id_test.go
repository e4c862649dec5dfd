package authz

import (
	"encoding/json"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
	"pgregory.net/rapid"
)

func TestParseID(t *testing.T) {
	const text = "0198c0de-0000-7000-8000-0000000000aa"
	for _, spelling := range []string{text, strings.ToUpper(text)} {
		if id, err := ParseID[UserID](spelling); err != nil || id.String() != text || id.IsZero() {
			t.Errorf("%s: %s, %v", spelling, id, err)
		}
	}
	for _, text := range []string{
		"", "x", text[:35], text + "0", "{" + text + "}", "urn:uuid:" + text, strings.ReplaceAll(text, "-", ""),
		"0198c0de+0000-7000-8000-0000000000aa", "0198c0de-0000-7000-8000-0000000000ag", "-198c0de-0000-7000-8000-0000000000aa",
		"0198c0de-0000-7000-8000-000000000é", " " + text[1:],
		// It means "none", and an extra scope of no tenant counts in all.
		"00000000-0000-0000-0000-000000000000",
	} {
		if id, err := ParseID[TenantID](text); !errors.Is(err, ErrInvalidID) || !id.IsZero() {
			t.Errorf("%q: %s, %v", text, id, err)
		}
	}
}

func TestNewIDIsAUUIDv7(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		at := time.UnixMilli(rapid.Int64Range(0, 1<<47).Draw(t, "at")).Add(time.Duration(rapid.Int64Range(0, 999_999).Draw(t, "nanoseconds")))
		id := NewID[SessionID](at)
		foreign, err := uuid.Parse(id.String())
		if err != nil || foreign.Version() != 7 || foreign.Variant() != uuid.RFC4122 {
			t.Fatalf("%s: %v", id, err)
		}
		later := NewID[SessionID](at.Add(time.Microsecond))
		if id.String() >= later.String() {
			t.Fatalf("%s does not sort before %s", id, later)
		}
		if id == NewID[SessionID](at) {
			t.Fatalf("%s was made twice", id)
		}
	})
}

func TestIDTravels(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		id := NewID[UserID](time.UnixMilli(rapid.Int64Range(0, 1<<47).Draw(t, "at")))
		if rapid.IntRange(0, 4).Draw(t, "zero") == 0 {
			id = UserID{}
		}
		var fromJSON, fromText, fromBytes UserID
		document, err := json.Marshal(id)
		if err == nil {
			err = json.Unmarshal(document, &fromJSON)
		}
		if err != nil || fromJSON != id {
			t.Fatalf("%s through JSON: %s, %v", id, fromJSON, err)
		}
		value, err := id.Value()
		if err != nil || (value == nil) != id.IsZero() {
			t.Fatalf("%s as a value: %v, %v", id, value, err)
		}
		if err := fromText.Scan(value); err != nil || fromText != id {
			t.Fatalf("%s through SQL: %s, %v", id, fromText, err)
		}
		if err := fromBytes.Scan([16]byte(id)); err != nil || fromBytes != id {
			t.Fatalf("%s as bytes: %s, %v", id, fromBytes, err)
		}
	})
	var id UserID
	for _, src := range []any{7, "x", []byte("x"), true} {
		if err := id.Scan(src); !errors.Is(err, ErrInvalidID) || !id.IsZero() {
			t.Errorf("%v: %s, %v", src, id, err)
		}
	}
}

func FuzzParseID(f *testing.F) {
	f.Add("0198c0de-0000-7000-8000-0000000000aa")
	f.Add("00000000-0000-0000-0000-000000000000")
	f.Add("")
	f.Fuzz(func(t *testing.T, text string) {
		id, err := ParseID[UserID](text)
		if err != nil {
			if !id.IsZero() || !errors.Is(err, ErrInvalidID) {
				t.Errorf("%q: %s, %v", text, id, err)
			}
			return
		}
		if id.IsZero() || id.String() != strings.ToLower(text) {
			t.Errorf("%q reads as %q", text, id)
		}
	})
}
