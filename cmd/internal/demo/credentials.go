package demo

import (
	"errors"
	"fmt"
	"io"
	"log/slog"
)

// Credentials are a client_id and its client_secret. They print as the id alone.
type Credentials struct {
	ID     string
	Secret string `json:"-"`
}

func (c Credentials) check() error {
	if c.ID == "" || c.Secret == "" {
		return errors.New("client id or client secret is missing")
	}
	return nil
}

// String is the id.
func (c Credentials) String() string { return c.ID }

// Format writes the id whatever the verb.
func (c Credentials) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, c.ID) }

// LogValue is the id.
func (c Credentials) LogValue() slog.Value { return slog.StringValue(c.ID) }
