package guard

import (
	"errors"
	"net/http"
	"path"
	"strings"
	"unicode/utf8"
)

var errUnclean = errors.New("the path can be read in more than one way")

// target is the decoded path of a request, if every reader would decode it to the
// same one. What is refused is what some server or framework in front of, or
// inside, the service resolves further: dot segments, empty segments, backslashes,
// path parameters ("/public/..;/admin"), a second layer of escapes, and escapes of
// characters that need none ("%2e%2e", "%61dmin") or that would divide the path.
func target(r *http.Request) (string, error) {
	if !strings.HasPrefix(r.RequestURI, "/") || !cleanEscapes(r.URL.EscapedPath()) {
		return "", errUnclean
	}
	p := r.URL.Path
	clean := path.Clean(p)
	if p != clean && p != clean+"/" || !utf8.ValidString(p) || strings.ContainsFunc(p, ambiguous) {
		return "", errUnclean
	}
	return p, nil
}

func ambiguous(c rune) bool {
	return c < ' ' || c == 0x7f || strings.ContainsRune(`\;%?#`, c)
}

// cleanEscapes refuses escapes of unreserved characters (RFC 3986 §2.3: such URIs
// are equivalent to those without) and of the slash.
func cleanEscapes(escaped string) bool {
	for rest := escaped; ; {
		_, after, found := strings.Cut(rest, "%")
		if !found {
			return true
		}
		if len(after) < 2 {
			return false
		}
		c := unhex(after[0])<<4 | unhex(after[1])
		if unreserved(c) || c == '/' {
			return false
		}
		rest = after[2:]
	}
}

func unhex(c byte) byte {
	switch {
	case c >= 'a':
		return c - 'a' + 10
	case c >= 'A':
		return c - 'A' + 10
	}
	return c - '0'
}

func unreserved(c byte) bool {
	return c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || strings.IndexByte("-._~", c) >= 0
}
