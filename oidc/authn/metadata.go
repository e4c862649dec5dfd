package authn

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"os"
	"strings"

	"github.com/go-webauthn/webauthn/metadata"
	"github.com/go-webauthn/webauthn/metadata/providers/memory"
	"github.com/google/uuid"
)

// Metadata is what the FIDO Metadata Service says of models of authenticators.
type Metadata struct{ provider metadata.Provider }

// ReadMetadata reads a FIDO Metadata Service BLOB (a JWT) or its payload (JSON)
// from a file. The file is believed as it stands, like the rest of the
// configuration: nothing is fetched.
func ReadMetadata(path string) (*Metadata, error) {
	content, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("read passkey metadata: %w", err)
	}
	provider, err := parseMetadata(strings.TrimSpace(string(content)))
	if err != nil {
		return nil, fmt.Errorf("read passkey metadata %s: %w", path, err)
	}
	return &Metadata{provider}, nil
}

func parseMetadata(text string) (metadata.Provider, error) {
	document := []byte(text)
	if parts := strings.Split(text, "."); len(parts) == 3 && !strings.HasPrefix(text, "{") {
		var err error
		if document, err = base64.RawURLEncoding.DecodeString(parts[1]); err != nil {
			return nil, fmt.Errorf("decode payload: %w", err)
		}
	}
	var payload metadata.PayloadJSON
	if err := json.Unmarshal(document, &payload); err != nil {
		return nil, fmt.Errorf("decode payload: %w", err)
	}
	decoder, err := metadata.NewDecoder(metadata.WithIgnoreEntryParsingErrors())
	if err != nil {
		return nil, err
	}
	parsed, err := decoder.Parse(&payload)
	if err != nil {
		return nil, err
	}
	known := map[uuid.UUID]*metadata.Entry{}
	for i := range parsed.Parsed.Entries {
		known[parsed.Parsed.Entries[i].AaGUID] = &parsed.Parsed.Entries[i]
	}
	// An authenticator that is not in the file, whose key is not vouched for, or that
	// is known to be broken is not accepted.
	return memory.New(memory.WithMetadata(known), memory.WithValidateEntry(true), memory.WithValidateTrustAnchor(true),
		memory.WithValidateStatus(true), memory.WithStatusUndesired(metadata.DefaultUndesiredAuthenticatorStatuses()))
}
