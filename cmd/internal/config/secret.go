package config

import (
	"fmt"
	"io"
	"log/slog"
)

const redacted = "[redacted]"

// Secret is a text that must not be seen. Whatever prints, logs or encodes it
// shows that it is there and nothing more; only [Secret.Reveal] gives it away.
// The zero Secret is "not set".
type Secret struct {
	// A pointer, because fmt prints unexported fields of a struct around this
	// one without asking its methods; of a pointer it prints the address.
	text *string
}

// NewSecret hides a text.
func NewSecret(text string) Secret {
	if text == "" {
		return Secret{}
	}
	return Secret{&text}
}

// IsSet reports whether there is anything to hide.
func (s Secret) IsSet() bool { return s.text != nil }

// Reveal is the text itself, for the one place that needs it.
func (s Secret) Reveal() string {
	if s.text == nil {
		return ""
	}
	return *s.text
}

// String shows whether the secret is set.
func (s Secret) String() string {
	if s.IsSet() {
		return redacted
	}
	return ""
}

// Format makes every verb print what String does.
func (s Secret) Format(state fmt.State, _ rune) { _, _ = io.WriteString(state, s.String()) }

// MarshalText does what String does.
func (s Secret) MarshalText() ([]byte, error) { return []byte(s.String()), nil }

// LogValue does what String does.
func (s Secret) LogValue() slog.Value { return slog.StringValue(s.String()) }

// UnmarshalText is [NewSecret].
func (s *Secret) UnmarshalText(text []byte) error {
	*s = NewSecret(string(text))
	return nil
}
