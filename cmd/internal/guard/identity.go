package guard

import (
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

// strip takes out what is reserved.
func strip(h http.Header) {
	for name := range h {
		if reserved(name) {
			delete(h, name)
		}
	}
}

// reserved is what only we may say, and the overrides, in every spelling: gateways
// that make variables of headers do not tell "_" from "-".
func reserved(name string) bool {
	name = http.CanonicalHeaderKey(strings.ReplaceAll(name, "_", "-"))
	return strings.HasPrefix(name, prefix) || slices.Contains(overrides, name)
}

// introduce tells the service who is asking; nothing for nobody. Roles and groups
// are names with their special characters escaped (RFC 3986 §2.1), between commas.
func introduce(h http.Header, p *resource.Principal) {
	for name, value := range identity(p) {
		if value != "" {
			h.Set(name, value)
		}
	}
}

// identity is every header in which the service learns who is asking, empty where
// there is nothing to tell.
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
