package guard

import (
	"context"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"github.com/gatehouse/gatehouse/authz/resource"
)

// prefix begins the headers in which the service learns who is asking.
const prefix = "X-Gatehouse-"

// overrides are headers by which some frameworks take another method or path than
// the one that was judged.
var overrides = []string{"X-Http-Method-Override", "X-Http-Method", "X-Method-Override", "X-Original-Url", "X-Rewrite-Url"}

// strip takes out what is reserved, and the headers in which certificates are passed on: the
// service must not believe of anybody what we do not.
func strip(h http.Header, certificates ...string) {
	for name := range h {
		if reserved(name) || slices.ContainsFunc(certificates, func(c string) bool {
			return c != "" && strings.EqualFold(strings.TrimSuffix(plain(name), "-Chain"), c) // RFC 9440 §2.3
		}) {
			delete(h, name)
		}
	}
}

// plain is the spelling of a header that gateways which make variables of headers take it for:
// these do not tell "_" from "-".
func plain(name string) string { return http.CanonicalHeaderKey(strings.ReplaceAll(name, "_", "-")) }

// reserved is what only we may say, and the overrides, in every spelling.
func reserved(name string) bool {
	name = plain(name)
	return strings.HasPrefix(name, prefix) || slices.Contains(overrides, name)
}

// introduction is how the service learns who is asking: by [identity], and by the
// assertion where there is one; each is empty where there is nothing to tell.
func (g *Guard) introduction(ctx context.Context) map[string]string {
	p := resource.PrincipalFrom(ctx)
	all := identity(p)
	if g.signer == nil {
		return all
	}
	all[assertionHeader] = ""
	if p == nil {
		return all
	}
	text, err := g.signer.assert(p, g.now())
	if err != nil { // cannot happen with a key that has signed before; the service refuses
		g.log.ErrorContext(ctx, "assert who is asking", "error", err)
	}
	all[assertionHeader] = text
	return all
}

// identity is every plain header in which the service learns who is asking. Roles and
// groups are names with their special characters escaped (RFC 3986 §2.1), between
// commas.
func identity(p *resource.Principal) map[string]string {
	if p == nil {
		p = &resource.Principal{}
	}
	tenant := ""
	if !p.Tenant.IsZero() {
		tenant = p.Tenant.String()
	}
	return map[string]string{
		prefix + "Subject": url.PathEscape(p.Subject), prefix + "Client": url.PathEscape(string(p.ClientID)), prefix + "Tenant": tenant,
		prefix + "Scopes": p.Scopes.String(), prefix + "Roles": names(p.Roles), prefix + "Groups": names(p.Groups),
	}
}

func names(list []string) string {
	escaped := make([]string, len(list))
	for i, name := range list {
		escaped[i] = url.PathEscape(name)
	}
	return strings.Join(escaped, ",")
}
