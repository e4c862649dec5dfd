package api

import (
	"context"
	"encoding/json"
	"slices"

	"github.com/gatehouse/gatehouse/authz/directory"
	"github.com/gatehouse/gatehouse/storage"
)

// checkSector fetches the document of a sector and makes sure that it names each
// redirect URI (OpenID Connect Dynamic Client Registration §5): nobody joins a
// sector that does not know them.
func (a *API) checkSector(ctx context.Context, m storage.ClientMetadata, redirectURIs []string) error {
	if m.SectorIdentifierURI == "" {
		return nil
	}
	const field = "sector_identifier_uri"
	answer, err := a.Outbound.Get(ctx, m.SectorIdentifierURI, "application/json")
	if err != nil {
		a.Log.InfoContext(ctx, "the document of a sector cannot be had", "cause", err)
		return &directory.InvalidError{Field: field, Problem: "cannot be fetched, or is not https on the public Internet"}
	}
	var members []string
	if err := json.Unmarshal(answer.Body, &members); err != nil {
		return &directory.InvalidError{Field: field, Problem: "does not lead to a JSON array of redirect URIs"}
	}
	for _, uri := range redirectURIs {
		if !slices.Contains(members, uri) {
			return &directory.InvalidError{Field: field, Problem: "leads to a document that does not name each of the redirect URIs"}
		}
	}
	return nil
}
