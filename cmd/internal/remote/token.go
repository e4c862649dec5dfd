package remote

import (
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
)

const redacted = "[redacted]"

// Token is a text that gives access. It prints as "[redacted]" under every verb
// and in logs. In JSON it is itself: that is how it comes from the server, and how
// the file of credentials keeps it. The text stands behind a pointer because fmt
// does not ask the methods of a value in an unexported field.
type Token struct{ text *string }

// NewToken hides a text; "" is no token.
func NewToken(text string) Token {
	if text == "" {
		return Token{}
	}
	return Token{&text}
}

// Reveal is the text; "" when there is no token.
func (t Token) Reveal() string {
	if t.text == nil {
		return ""
	}
	return *t.text
}

// IsZero reports whether there is no token.
func (t Token) IsZero() bool { return t.text == nil }

// String is "[redacted]".
func (Token) String() string { return redacted }

// Format writes "[redacted]" whatever the verb.
func (Token) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, redacted) }

// LogValue is "[redacted]".
func (Token) LogValue() slog.Value { return slog.StringValue(redacted) }

// MarshalJSON is the text itself.
func (t Token) MarshalJSON() ([]byte, error) { return json.Marshal(t.Reveal()) }

// UnmarshalJSON is [NewToken].
func (t *Token) UnmarshalJSON(document []byte) error {
	var text string
	if err := json.Unmarshal(document, &text); err != nil {
		return fmt.Errorf("a token is a text")
	}
	*t = NewToken(text)
	return nil
}
