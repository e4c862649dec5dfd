package guard

import (
	"cmp"
	"errors"
	"fmt"
	"net/http"
	"path"
	"slices"
	"strings"
	"time"

	"github.com/gatehouse/gatehouse/authz"
	"github.com/gatehouse/gatehouse/authz/resource"
)

// need is what a request must bring.
type need struct {
	requirement resource.Requirement
	// browsers may come with a session, and without one are sent to sign in.
	browsers bool
	signIn   resource.SignIn
}

// place is a path or a prefix, and what each method needs there. The method "" is
// all the others.
type place struct {
	path   string
	prefix bool
	needs  map[string]need
}

// table is every place, the most specific first: a path before a prefix, a longer
// prefix before a shorter one.
type table []place

// parseTable notes what is wrong with routes; signIn says that there is a way to.
func parseTable(routes []Route, signIn bool, found *mistakes) table {
	if len(routes) == 0 {
		found.add("there are none, so that nothing would be let through", "routes")
	}
	var t table
	for i, r := range routes {
		if err := t.add(r); err != nil {
			found.add(err.Error(), "routes", i)
		}
		if r.SignIn && !signIn {
			found.add("there is no sign_in at the top of the file", "routes", i, "sign_in")
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
	return t
}

func (t *table) add(r Route) error {
	where, prefix, err := r.place()
	if err != nil {
		return err
	}
	needed, err := r.need()
	if err != nil {
		return err
	}
	i := slices.IndexFunc(*t, func(p place) bool { return p.path == where && p.prefix == prefix })
	if i < 0 {
		i = len(*t)
		*t = append(*t, place{where, prefix, map[string]need{}})
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
		(*t)[i].needs[method] = needed
	}
	return nil
}

func (r Route) need() (need, error) {
	n := need{browsers: r.SignIn, signIn: resource.SignIn{ACR: r.ACRValues, MaxAge: r.MaxAge}}
	var err error
	if n.requirement, err = resource.ParseRequirement(r.Security); err != nil {
		return n, err
	}
	for _, class := range r.ACRValues {
		if !slices.Contains(authz.ACRs(), class) {
			return n, fmt.Errorf("acr_values: %.40q is none of %v", class, authz.ACRs())
		}
	}
	if r.MaxAge < 0 || r.MaxAge%time.Second != 0 {
		return n, errors.New("max_age: expected whole seconds, as in 5m")
	}
	if len(r.ACRValues) > 0 || r.MaxAge > 0 {
		n.requirement = n.requirement.WithSignIn(n.signIn)
	}
	return n, nil
}

func (r Route) place() (where string, prefix bool, err error) {
	where, prefix = r.Path, false
	if r.Prefix != "" {
		where, prefix = r.Prefix, true
	}
	switch {
	case (r.Path == "") == (r.Prefix == ""):
		return "", false, errors.New("expected either path or prefix")
	case !isPlain(where):
		return "", false, fmt.Errorf("%.100q is not a plain path, without escapes, that begins with a slash", where)
	case strings.ContainsAny(where, "*{}"):
		return "", false, fmt.Errorf("%.100q has a wildcard: a prefix stands for everything below it", where)
	case strings.HasPrefix(where+"/", ownPaths):
		return "", false, fmt.Errorf("%s is the guard's own", ownPaths)
	case prefix && where != "/" && strings.HasSuffix(where, "/"):
		return "", false, fmt.Errorf("prefix %.100q: leave out the slash at the end: a prefix stands for itself and everything below it", where)
	}
	return where, prefix, nil
}

// isPlain reports whether a path, without escapes, is read by everybody in one way.
func isPlain(where string) bool {
	return strings.HasPrefix(where, "/") && !strings.ContainsFunc(where, ambiguous) && (where == "/" || path.Clean(where) == strings.TrimSuffix(where, "/"))
}

func (p place) holds(target string) bool {
	if !p.prefix {
		return target == p.path
	}
	rest, below := strings.CutPrefix(target, p.path)
	return below && (rest == "" || rest[0] == '/' || p.path == "/")
}

// folded is a path as a service reads it that tells neither case nor a slash at the end apart.
func folded(path string) string { return cmp.Or(strings.ToLower(strings.TrimRight(path, "/")), "/") }

// contends reports whether such a service may take the target for this place rather than for the one
// that holds it: where both are written the same but for that, the operator has told them apart.
func (p place) contends(holder place, target string) bool {
	p.path, holder.path = folded(p.path), folded(holder.path)
	return p.holds(folded(target)) && (p.path != holder.path || p.prefix != holder.prefix)
}

// find is what a request needs. The most specific place decides alone: a method
// that it does not name is not looked for in a wider one. allow is its methods
// when it does not name this one; both are zero when no place holds the path, or when
// the service may take it for a more specific place than we do.
func (t table) find(method, target string) (needed need, allow []string, found bool) {
	i := slices.IndexFunc(t, func(p place) bool { return p.holds(target) })
	if i < 0 || slices.ContainsFunc(t[:i], func(p place) bool { return p.contends(t[i], target) }) {
		return needed, nil, false
	}
	names := []string{method, ""}
	if method == http.MethodHead {
		names = []string{method, http.MethodGet, ""}
	}
	for _, name := range names {
		if needed, found = t[i].needs[name]; found {
			return needed, nil, true
		}
	}
	for name := range t[i].needs {
		allow = append(allow, name)
	}
	slices.Sort(allow)
	return needed, allow, false
}
