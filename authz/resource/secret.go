package resource

import (
	"fmt"
	"io"
	"log/slog"
)

const redacted = "[redacted]"

// Secret is the client_secret of this resource server. It prints as "[redacted]"
// under every verb, in JSON and in slog; the text stands behind a pointer because
// fmt does not ask the methods of a value in an unexported field.
type Secret struct{ text *string }

// NewSecret takes a secret from the environment or a file.
func NewSecret(text string) Secret { return Secret{&text} }

func (s Secret) reveal() string {
	if s.text == nil {
		return ""
	}
	return *s.text
}

// String is "[redacted]".
func (Secret) String() string { return redacted }

// Format writes "[redacted]" whatever the verb.
func (Secret) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, redacted) }

// LogValue is "[redacted]".
func (Secret) LogValue() slog.Value { return slog.StringValue(redacted) }

// MarshalText is "[redacted]".
func (Secret) MarshalText() ([]byte, error) { return []byte(redacted), nil }
