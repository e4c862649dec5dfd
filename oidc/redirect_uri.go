package oidc

import (
	"net"
	"net/url"
	"strconv"
)

// redirectURIMatches compares byte for byte (RFC 9700 §4.1.3), but for the one
// exception of RFC 8252 §7.3: the port of an http URI on a loopback address
// literal is the native app's to choose.
func redirectURIMatches(registered, given string) bool {
	if registered == given {
		return true
	}
	r, err := url.Parse(registered)
	if err != nil || !isLoopback(r) || withPort(r, r.Port()) != registered {
		return false
	}
	g, err := url.Parse(given)
	if err != nil || !isLoopback(g) {
		return false
	}
	// With the port put aside, every other byte must be the same.
	return isPort(g.Port()) && withPort(g, "") == withPort(r, "") && withPort(g, g.Port()) == given
}

// isPort wants what a browser connects to: parsers disagree on anything else.
func isPort(s string) bool {
	n, err := strconv.ParseUint(s, 10, 16)
	return err == nil && n > 0 && s[0] != '0'
}

func isLoopback(u *url.URL) bool {
	host := u.Hostname()
	return u.Scheme == "http" && (host == "127.0.0.1" || host == "::1")
}

func withPort(u *url.URL, port string) string {
	c := *u
	host := u.Hostname()
	switch {
	case port != "":
		c.Host = net.JoinHostPort(host, port)
	case host == "::1":
		c.Host = "[::1]"
	default:
		c.Host = host
	}
	return c.String()
}
