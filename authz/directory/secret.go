package directory

import (
	"fmt"
	"io"
	"log/slog"

	"github.com/gatehouse/gatehouse/storage"
)

const redacted = "[redacted]"

// Secret is a client's secret, or a token for registering one, on its way to the one who asked for it. It prints as
// "[redacted]" under every verb, in JSON and in slog; the text stands behind a
// pointer because fmt does not ask the methods of a value in an unexported field.
type Secret struct{ text *string }

func newSecret() Secret { return secretWith(storage.ClientSecretPrefix) }

func secretWith(prefix string) Secret {
	text := storage.NewSecret(prefix)
	return Secret{&text}
}

// Reveal is the text; "" when there is no secret.
func (s Secret) Reveal() string {
	if s.text == nil {
		return ""
	}
	return *s.text
}

// IsZero reports whether there is no secret.
func (s Secret) IsZero() bool { return s.text == nil }

// String is "[redacted]".
func (Secret) String() string { return redacted }

// Format writes "[redacted]" whatever the verb.
func (Secret) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, redacted) }

// LogValue is "[redacted]".
func (Secret) LogValue() slog.Value { return slog.StringValue(redacted) }

// MarshalText is "[redacted]".
func (Secret) MarshalText() ([]byte, error) { return []byte(redacted), nil }
