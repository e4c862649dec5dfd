package demo

import (
	"encoding/base64"
	"strings"

	"github.com/gatehouse/gatehouse/templates"
)

// opened takes a JWT apart for the eye; nothing here judges it. The signature is
// left out, so that what stands on the page opens no door. A token of another form
// gives none.
func opened(kind, token string) []templates.DemoToken {
	header, rest, _ := strings.Cut(token, ".")
	claims, _, complete := strings.Cut(rest, ".")
	if !complete {
		return nil
	}
	first, err := base64.RawURLEncoding.DecodeString(header)
	if err != nil {
		return nil
	}
	second, err := base64.RawURLEncoding.DecodeString(claims)
	if err != nil {
		return nil
	}
	return []templates.DemoToken{{Kind: kind, Header: indented(first), Claims: indented(second)}}
}
