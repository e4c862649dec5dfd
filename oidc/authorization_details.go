package oidc

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"net/url"
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

// judgeDetail holds a detail to its type: no member but the registered ones, each of
// its kind.
func judgeDetail(d storage.AuthorizationDetail, t storage.DetailType) error {
	known := 1 // type itself
	for _, field := range t.Fields {
		value, present := d[field.Name]
		if !present {
			if field.Required {
				return invalidDetails("A member of the authorization_details that their type demands is missing.")
			}
			continue
		}
		known++
		if !fitsField(value, field) {
			return invalidDetails("A member of the authorization_details has a value that its type does not allow.")
		}
	}
	if known != len(d) {
		return invalidDetails("The authorization_details have a member that their type does not know.")
	}
	return nil
}

func fitsField(value any, field storage.DetailField) bool {
	allowed := func(s string) bool { return len(field.Values) == 0 || slices.Contains(field.Values, s) }
	switch value := value.(type) {
	case string:
		return field.Kind == "string" && allowed(value)
	case float64:
		return field.Kind == "number"
	case bool:
		return field.Kind == "boolean"
	case []any:
		seen := map[string]bool{}
		for _, element := range value {
			s, isText := element.(string)
			if !isText || !allowed(s) || seen[s] {
				return false
			}
			seen[s] = true
		}
		return field.Kind == "strings" && len(value) > 0
	}
	return false
}

// detailType finds a type, and the resource server that it belongs to.
func detailType(catalogue postgres.Catalogue, name string) (storage.DetailType, storage.Resource, bool) {
	for _, r := range catalogue.Resources {
		for _, t := range r.DetailTypes {
			if t.Name == name {
				return t, r, true
			}
		}
	}
	return storage.DetailType{}, storage.Resource{}, false
}

func ownsOneOf(r storage.Resource, details []storage.AuthorizationDetail) bool {
	return slices.ContainsFunc(details, func(d storage.AuthorizationDetail) bool {
		return slices.ContainsFunc(r.DetailTypes, func(t storage.DetailType) bool { return t.Name == d.Type() })
	})
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

// DetailQuestion is an authorization detail in words.
type DetailQuestion struct {
	Title, Resource string
	// Members are names and values, by name.
	Members [][2]string
}

func describedDetails(catalogue postgres.Catalogue, details []storage.AuthorizationDetail) []DetailQuestion {
	questions := make([]DetailQuestion, len(details))
	for i, d := range details {
		t, owner, _ := detailType(catalogue, d.Type())
		q := DetailQuestion{Title: t.Title, Resource: owner.Name}
		if q.Title == "" {
			q.Title = d.Type()
		}
		if q.Resource == "" {
			q.Resource = owner.Identifier
		}
		for _, name := range slices.Sorted(maps.Keys(d)) {
			if name != "type" {
				q.Members = append(q.Members, [2]string{name, detailText(d[name])})
			}
		}
		questions[i] = q
	}
	return questions
}

func detailText(value any) string {
	if list, isList := value.([]any); isList {
		texts := make([]string, len(list))
		for i, element := range list {
			texts[i] = fmt.Sprint(element)
		}
		return strings.Join(texts, ", ")
	}
	if number, isNumber := value.(float64); isNumber {
		text, _ := json.Marshal(number)
		return string(text)
	}
	return fmt.Sprint(value)
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
func (p *Provider) currentDetails(ctx context.Context, c storage.Client, g storage.Grant, targets []string, asked []storage.AuthorizationDetail) ([]storage.AuthorizationDetail, error) {
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
func covers(granted, asked storage.AuthorizationDetail) bool {
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

func coversValue(granted, asked any) bool {
	all, isList := granted.([]any)
	some, areSome := asked.([]any)
	if !isList || !areSome {
		return !isList && !areSome && scalar(granted) && scalar(asked) && granted == asked
	}
	for _, element := range some {
		if !scalar(element) || !slices.ContainsFunc(all, func(one any) bool { return scalar(one) && one == element }) {
			return false
		}
	}
	return len(some) > 0
}

// scalar: what can be compared, which a map of somebody else's making cannot.
func scalar(value any) bool {
	switch value.(type) {
	case string, float64, bool, nil:
		return true
	}
	return false
}

// publicDetailTypes is the types of the resources of the whole deployment; a tenant's
// are nobody else's business.
func (p *Provider) publicDetailTypes(ctx context.Context) ([]string, error) {
	catalogue, err := p.Store.Catalogue(ctx)
	var names []string
	for _, r := range catalogue.Resources {
		if r.Tenant.IsZero() {
			for _, t := range r.DetailTypes {
				names = append(names, t.Name)
			}
		}
	}
	slices.Sort(names)
	return names, err
}
