package guard

import (
	"cmp"
	"errors"
	"fmt"
	"net/http"
	"path"
	"slices"
	"strings"

	"github.com/gatehouse/gatehouse/authz/resource"
)

// place is a path or a prefix, and what each method needs there. The method "" is
// all the others.
type place struct {
	path   string
	prefix bool
	needs  map[string]resource.Requirement
}

// table is every place, the most specific first: a path before a prefix, a longer
// prefix before a shorter one.
type table []place

func parseTable(routes []Route) (table, error) {
	if len(routes) == 0 {
		return nil, errors.New("routes: there are none, so that nothing would be let through")
	}
	var t table
	for i, r := range routes {
		if err := t.add(r); err != nil {
			return nil, fmt.Errorf("routes[%d]: %w", i, err)
		}
	}
	slices.SortStableFunc(t, func(a, b place) int {
		if a.prefix != b.prefix {
			if b.prefix {
				return -1
			}
			return 1
		}
		return cmp.Compare(len(b.path), len(a.path))
	})
	return t, nil
}

func (t *table) add(r Route) error {
	where, prefix, err := r.place()
	if err != nil {
		return err
	}
	need, err := resource.ParseRequirement(r.Security)
	if err != nil {
		return err
	}
	i := slices.IndexFunc(*t, func(p place) bool { return p.path == where && p.prefix == prefix })
	if i < 0 {
		i = len(*t)
		*t = append(*t, place{where, prefix, map[string]resource.Requirement{}})
	}
	methods := r.Methods
	if len(methods) == 0 {
		methods = []string{""}
	}
	for _, method := range methods {
		if r.Methods != nil && (method == "" || strings.Trim(method, "ABCDEFGHIJKLMNOPQRSTUVWXYZ") != "") {
			return fmt.Errorf("method %.20q: expected capital letters, as in GET", method)
		}
		if _, twice := (*t)[i].needs[method]; twice {
			return fmt.Errorf("%s %s is named twice", cmp.Or(method, "every method of"), where)
		}
		(*t)[i].needs[method] = need
	}
	return nil
}

func (r Route) place() (where string, prefix bool, err error) {
	where, prefix = r.Path, false
	if r.Prefix != "" {
		where, prefix = r.Prefix, true
	}
	switch {
	case (r.Path == "") == (r.Prefix == ""):
		return "", false, errors.New("expected either path or prefix")
	case !strings.HasPrefix(where, "/"), strings.ContainsFunc(where, ambiguous), path.Clean(where) != strings.TrimSuffix(where, "/") && where != "/":
		return "", false, fmt.Errorf("%.100q is not a plain path, without escapes, that begins with a slash", where)
	case strings.ContainsAny(where, "*{}"):
		return "", false, fmt.Errorf("%.100q has a wildcard: a prefix stands for everything below it", where)
	case prefix && where != "/" && strings.HasSuffix(where, "/"):
		return "", false, fmt.Errorf("prefix %.100q: leave out the slash at the end: a prefix stands for itself and everything below it", where)
	}
	return where, prefix, nil
}

func (p place) holds(target string) bool {
	if !p.prefix {
		return target == p.path
	}
	rest, below := strings.CutPrefix(target, p.path)
	return below && (rest == "" || rest[0] == '/' || p.path == "/")
}

// find is what a request needs. The most specific place decides alone: a method
// that it does not name is not looked for in a wider one. allow is its methods
// when it does not name this one; both are zero when no place holds the path.
func (t table) find(method, target string) (need resource.Requirement, allow []string, found bool) {
	i := slices.IndexFunc(t, func(p place) bool { return p.holds(target) })
	if i < 0 {
		return need, nil, false
	}
	names := []string{method, ""}
	if method == http.MethodHead {
		names = []string{method, http.MethodGet, ""}
	}
	for _, name := range names {
		if need, found = t[i].needs[name]; found {
			return need, nil, true
		}
	}
	for name := range t[i].needs {
		allow = append(allow, name)
	}
	slices.Sort(allow)
	return need, allow, false
}
