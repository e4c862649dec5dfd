package directory

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/gatehouse/gatehouse/authz"
	"github.com/gatehouse/gatehouse/authz/spelling"
	"github.com/gatehouse/gatehouse/storage"
	"github.com/gatehouse/gatehouse/storage/postgres"
)

// checkScopes refuses, of what is given beyond before, whatever no request could ever
// match and whatever nobody has described: a misspelt scope gives nothing until somebody
// describes it for another purpose, and then it gives that. Whoever may read the registry is
// told so before they are told that they do not hold it.
func (s *Service) checkScopes(ctx context.Context, before, after []authz.Pattern) error {
	catalogue, err := s.store.Catalogue(ctx)
	if err != nil {
		return err
	}
	return checkScopes(catalogue, before, after)
}

func checkScopes(c postgres.Catalogue, before, after []authz.Pattern) error {
	for _, p := range added(before, after) {
		if _, err := authz.ParsePattern(string(p)); err != nil {
			return invalid("scopes", "%v", err)
		}
		if !described(c, p) {
			return invalid("scopes", "%s", undescribed(c, p))
		}
	}
	return nil
}

// described reports whether the pattern is a scope of the registry, or reaches one.
func described(c postgres.Catalogue, p authz.Pattern) bool {
	if _, known := c.Scopes[authz.Scope(p)]; known || p == "*" {
		return true
	}
	for scope := range c.Scopes {
		if p.Matches(scope) {
			return true
		}
	}
	return false
}

// dropUndescribed takes from a client that registers itself the scopes that nobody has
// described, as RFC 7591 §3.2.1 lets us: the answer tells it what is left. One that asked
// for nothing else could do nothing.
func dropUndescribed(r postgres.Catalogue, c *storage.Client) error {
	asked := len(c.Scopes)
	c.Scopes = slices.DeleteFunc(slices.Clone(c.Scopes), func(p authz.Pattern) bool { return !described(r, p) })
	if asked > 0 && len(c.Scopes) == 0 {
		return invalid("scope", "has none that this server knows")
	}
	return nil
}

// undescribed says of a pattern that is not described what may have been meant, and how to
// describe it.
func undescribed(c postgres.Catalogue, p authz.Pattern) string {
	stem, wild := strings.CutSuffix(string(p), "*")
	problem, example := "is not described", stem
	if wild {
		problem, example = "reaches no scope that is described", stem+"read"
	}
	var names []string
	for scope := range c.Scopes {
		names = append(names, string(scope))
		if i := strings.LastIndex(string(scope), ":"); wild && i > 0 {
			names = append(names, string(scope)[:i+1]+"*")
		}
	}
	slices.Sort(names) // so that of two that are as near it is always the same
	meant := ""
	if near := spelling.Nearest(string(p), names); near != "" {
		meant = fmt.Sprintf("; did you mean %q?", near)
	}
	return fmt.Sprintf("%q %s%s To describe a new one: gatehouse admin scopes create %s --title TITLE", p, problem, cmp.Or(meant, "."), example)
}
