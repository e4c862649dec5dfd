package directory

import (
	"errors"
	"net/url"
	"slices"
	"strings"

	"github.com/gatehouse/gatehouse/storage"
)

// CheckRedirectURI judges an URI that a client wants people to be sent to, before
// it is registered; afterwards it is compared byte by byte. RFC 9700 §2.1 and
// RFC 8252 §7: https anywhere, http on this machine alone, a scheme of its own
// for a native app in the reverse-domain form. Its error is a phrase for people.
func CheckRedirectURI(uri string, kind storage.ClientKind) error {
	// Whatever one parser ignores and another does not must not be in it at all.
	for _, c := range []byte(uri) {
		if c <= ' ' || c >= 0x7f || strings.IndexByte("\\\"<>^`{|}", c) >= 0 {
			return errors.New("has a character that must be encoded")
		}
	}
	for _, encoded := range []string{"%00", "%09", "%0a", "%0d", "%5c"} {
		if strings.Contains(strings.ToLower(uri), encoded) {
			return errors.New("has an encoded control character or backslash")
		}
	}
	u, err := url.Parse(uri)
	switch {
	case err != nil || u.Scheme == "":
		return errors.New("is not an absolute URI")
	case strings.Contains(uri, "#"):
		return errors.New("has a fragment")
	case u.User != nil:
		return errors.New("has user information")
	}
	switch u.Scheme {
	case "https":
		if u.Hostname() == "" || u.Opaque != "" {
			return errors.New("has no host")
		}
		return checkHost(u)
	case "http":
		if !loopback(u.Hostname()) {
			return errors.New("is http, which is allowed on localhost, 127.0.0.1 and [::1] alone")
		}
		return nil
	}
	if kind != storage.ClientNative {
		return errors.New("must be https")
	}
	if labels := strings.Split(u.Scheme, "."); len(labels) < 2 || slices.Contains(labels, "") {
		return errors.New("has a scheme that is not in the form of a reversed domain, such as com.example.app")
	}
	if u.Opaque != "" || u.Host+u.Path == "" {
		return errors.New("has no path behind its scheme, such as com.example.app:/callback")
	}
	return nil
}

// loopback is this machine by one of its three names.
func loopback(host string) bool {
	return host == "localhost" || host == "127.0.0.1" || host == "::1"
}

// checkHost wants the host as DNS has it: anything else is read differently by
// different programs.
func checkHost(u *url.URL) error {
	host := u.Hostname()
	if strings.HasPrefix(u.Host, "[") && !strings.Contains(host, "%") {
		return nil // an IPv6 literal, which url.Parse has judged
	}
	if strings.Trim(host, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.-") != "" || strings.HasPrefix(host, ".") || strings.HasSuffix(host, ".") || strings.Contains(host, "..") {
		return errors.New("has a host that is not a plain domain name (write international names in punycode)")
	}
	return nil
}
