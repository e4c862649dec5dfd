package guard

import (
	"net/http"
	"net/url"
	"strings"

	"github.com/gatehouse/gatehouse/authz/resource"
)

// prefix begins the headers in which the service learns who is asking.
const prefix = "X-Gatehouse-"

// overrides are headers by which some frameworks take another method or path than
// the one that was judged.
var overrides = []string{"X-Http-Method-Override", "X-Http-Method", "X-Method-Override", "X-Original-Url", "X-Rewrite-Url"}

// strip takes out what only we may say, in every spelling: gateways that make
// variables of headers do not tell "_" from "-".
func strip(h http.Header) {
	for name := range h {
		if strings.HasPrefix(strings.ToLower(strings.ReplaceAll(name, "_", "-")), strings.ToLower(prefix)) {
			delete(h, name)
		}
	}
	for _, name := range overrides {
		h.Del(name)
	}
}

// introduce tells the service who is asking; nothing for nobody. Roles and groups
// are names with their special characters escaped (RFC 3986 §2.1), between commas.
func introduce(h http.Header, p *resource.Principal) {
	if p == nil {
		return
	}
	for name, value := range map[string]string{
		"Subject": url.PathEscape(p.Subject), "Client": url.PathEscape(string(p.ClientID)), "Tenant": p.Tenant.String(),
		"Scopes": p.Scopes.String(), "Roles": names(p.Roles), "Groups": names(p.Groups),
	} {
		if value != "" {
			h.Set(prefix+name, value)
		}
	}
}

func names(list []string) string {
	escaped := make([]string, len(list))
	for i, name := range list {
		escaped[i] = url.PathEscape(name)
	}
	return strings.Join(escaped, ",")
}
