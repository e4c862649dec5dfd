package authn

import (
	"fmt"
	"io"
	"log/slog"
)

// MaxPasswordBytes is the length of the longest password. A longer one is
// refused, never cut.
const MaxPasswordBytes = 1024

const redacted = "[redacted]"

// Password is what a person typed, byte for byte: nothing is trimmed, cut or
// normalised, so a password typed as other code points is another password.
//
// It prints as "[redacted]" under every verb, in JSON and in slog. The text
// stands behind a pointer because fmt does not ask the methods of a value in an
// unexported field of somebody's struct.
type Password struct{ text *string }

// NewPassword takes a password from a form, a document or standard input.
func NewPassword(text string) Password { return Password{&text} }

func (p Password) reveal() string {
	if p.text == nil {
		return ""
	}
	return *p.text
}

// String is "[redacted]".
func (Password) String() string { return redacted }

// Format writes "[redacted]" whatever the verb.
func (Password) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, redacted) }

// LogValue is "[redacted]".
func (Password) LogValue() slog.Value { return slog.StringValue(redacted) }

// MarshalText is "[redacted]".
func (Password) MarshalText() ([]byte, error) { return []byte(redacted), nil }
