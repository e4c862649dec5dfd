package oidc

import (
	"context"
	"encoding/json"
	"io"
	"net/url"
	"reflect"
	"slices"
	"strings"

	"github.com/gatehouse/gatehouse/authz"
	"github.com/gatehouse/gatehouse/storage"
	"github.com/gatehouse/gatehouse/storage/postgres"
)

const (
	maxDetails     = 16
	maxDetailsText = 4 << 10 // bytes: with the rest of the request they fit, sealed, into a URL
)

// invalidDetails is RFC 9396 §5.
func invalidDetails(description string) error {
	return badRequest("invalid_authorization_details", description)
}

var errDetailsByCode = invalidDetails("Authorization details are given through the authorization endpoint alone.")

// parseDetails reads authorization_details (RFC 9396 §2): a list of objects, each with
// a type. Whether the types are known is for [judgeDetail].
func parseDetails(text string) ([]storage.AuthorizationDetail, error) {
	malformed := invalidDetails("The authorization_details are not a JSON array of 1 to 16 objects, each with a type, in 4 KiB at most.")
	if len(text) > maxDetailsText {
		return nil, malformed
	}
	decoder := json.NewDecoder(strings.NewReader(text))
	var details []storage.AuthorizationDetail
	if err := decoder.Decode(&details); err != nil || len(details) == 0 || len(details) > maxDetails {
		return nil, malformed
	}
	if _, err := decoder.Token(); err != io.EOF {
		return nil, malformed
	}
	for _, d := range details {
		if d.Type() == "" {
			return nil, malformed
		}
	}
	return details, nil
}

// detailType finds a type, and the resource server that it belongs to.
func detailType(catalogue *postgres.Catalogue, name string) (storage.DetailType, storage.Resource, bool) {
	for _, r := range catalogue.Resources {
		for _, t := range r.DetailTypes {
			if t.Name == name {
				return t, r, true
			}
		}
	}
	return storage.DetailType{}, storage.Resource{}, false
}

// checkAuthorizationDetails is RFC 9396 §5: every type is one that the client may ask
// for, of a resource within reach, and every member is one of the type.
func (p *Provider) checkAuthorizationDetails(ctx context.Context, a *authorization) error {
	text := a.Parameters.Get("authorization_details")
	if text == "" {
		return nil
	}
	details, err := parseDetails(text)
	if err != nil {
		return err
	}
	catalogue, err := p.Store.Catalogue(ctx)
	if err != nil {
		return err
	}
	for _, d := range details {
		t, owner, known := detailType(catalogue, d.Type())
		switch {
		case !known || !slices.Contains(a.client.Metadata.DetailTypes, d.Type()):
			return invalidDetails("The authorization_details have a type that is unknown, or not one of this client's.")
		case len(a.targets) > 0 && !slices.Contains(a.targets, owner.Identifier):
			return invalidDetails("The authorization_details have a type of a resource that the request does not name.")
		}
		if err := judgeDetail(d, t); err != nil {
			return err
		}
	}
	a.details = details
	return p.checkDetailReach(ctx, details, a.client.Tenant)
}

// checkDetailReach refuses the types of another tenant's resources. For a zero tenant,
// which is not known yet, any will do until it is.
func (p *Provider) checkDetailReach(ctx context.Context, details []storage.AuthorizationDetail, tenant authz.TenantID) error {
	if len(details) == 0 || tenant.IsZero() {
		return nil
	}
	catalogue, err := p.Store.Catalogue(ctx)
	if err != nil {
		return err
	}
	for _, d := range details {
		if _, owner, _ := detailType(catalogue, d.Type()); !owner.Tenant.IsZero() && owner.Tenant != tenant {
			return invalidDetails("The authorization_details have a type that is unknown, or not one of this client's.")
		}
	}
	return nil
}

// tokenDetails is the authorization_details of a token request, where a grant can be
// narrowed by them (RFC 9396 §6); nil for none.
func tokenDetails(grantType string, parameters url.Values) ([]storage.AuthorizationDetail, error) {
	text := parameters.Get("authorization_details")
	if text == "" {
		return nil, nil
	}
	if grantType != storage.GrantAuthorizationCode && grantType != storage.GrantRefreshToken {
		return nil, errDetailsByCode
	}
	return parseDetails(text)
}

// currentDetails is what is left of the details of a grant: of types that there still
// are and that the client may still ask for, for the targets of this token, and no
// more than the token request named.
func (p *Provider) currentDetails(ctx context.Context, c *storage.Client, g storage.Grant, targets []string, asked []storage.AuthorizationDetail) ([]storage.AuthorizationDetail, error) {
	for _, d := range asked {
		if !slices.ContainsFunc(g.Details.Authorization, func(granted storage.AuthorizationDetail) bool { return covers(granted, d) }) {
			return nil, invalidDetails("The authorization_details exceed what was granted.")
		}
	}
	if len(g.Details.Authorization) == 0 {
		return nil, nil
	}
	catalogue, err := p.Store.Catalogue(ctx)
	if err != nil {
		return nil, err
	}
	wanted := asked
	if wanted == nil {
		wanted = g.Details.Authorization
	}
	var left []storage.AuthorizationDetail
	for _, d := range wanted {
		t, owner, known := detailType(catalogue, d.Type())
		theirs := owner.Tenant.IsZero() || owner.Tenant == g.Tenant
		if known && theirs && slices.Contains(c.Metadata.DetailTypes, d.Type()) && (len(targets) == 0 || slices.Contains(targets, owner.Identifier)) && judgeDetail(d, t) == nil {
			left = append(left, d)
		}
	}
	return left, nil
}

// covers reports whether asked is granted, or granted with fewer elements in lists: a
// member that is left out would not mean less but, to many a resource, anything.
func covers(granted, asked map[string]any) bool {
	if len(granted) != len(asked) {
		return false
	}
	for name, value := range granted {
		wanted, present := asked[name]
		if !present || !coversValue(value, wanted) {
			return false
		}
	}
	return true
}

// coversValue: of a list, each element must be one that was granted, as it was.
func coversValue(granted, asked any) bool {
	switch granted := granted.(type) {
	case map[string]any:
		members, isObject := asked.(map[string]any)
		return isObject && covers(granted, members)
	case []any:
		some, isList := asked.([]any)
		return isList && len(some) > 0 && !slices.ContainsFunc(some, func(element any) bool {
			return !slices.ContainsFunc(granted, func(one any) bool { return reflect.DeepEqual(one, element) })
		})
	}
	return reflect.DeepEqual(granted, asked)
}

// publicDetailTypes is the types of the resources of the whole deployment; a tenant's
// are nobody else's business.
func publicDetailTypes(catalogue *postgres.Catalogue) []string {
	var names []string
	for _, r := range catalogue.Resources {
		if r.Tenant.IsZero() {
			for _, t := range r.DetailTypes {
				names = append(names, t.Name)
			}
		}
	}
	slices.Sort(names)
	return names
}
