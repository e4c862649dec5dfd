package config

import (
	"errors"
	"fmt"
	"net/url"
	"strings"
)

// judgeIssuer holds an issuer to RFC 8414 §2 and to one spelling: it is compared
// as a text, so two spellings of one URL would be two issuers.
func judgeIssuer(issuer string, env Env) error {
	u, err := url.Parse(issuer)
	if err != nil || u.Opaque != "" || u.Host == "" || u.Hostname() == "" {
		return fmt.Errorf("%.80q is not a URL such as https://id.example.com", issuer)
	}
	switch {
	case u.Scheme != "https" && u.Scheme != "http":
		return fmt.Errorf("the scheme %.20q is not https", u.Scheme)
	case u.Scheme == "http" && env == Production:
		return errors.New("production needs https: tokens and passwords must not travel in the clear")
	case u.User != nil:
		return errors.New("it must not hold a user name or a password")
	case strings.ContainsAny(issuer, "?#"):
		return errors.New("it must not have a query or a fragment (RFC 8414 §2)")
	case strings.HasSuffix(issuer, "/"):
		return errors.New("leave out the slash at the end")
	case u.Scheme == "https" && u.Port() == "443", u.Scheme == "http" && u.Port() == "80", strings.HasSuffix(u.Host, ":"):
		return errors.New("leave out the port: it is the default one")
	case issuer != strings.ToLower(u.Scheme+"://"+u.Host)+u.Path:
		return errors.New("write scheme and host in small letters, and the path without escapes")
	}
	return judgeIssuerPath(u.Path)
}

func judgeIssuerPath(path string) error {
	if path == "" {
		return nil
	}
	for segment := range strings.SplitSeq(path[1:], "/") {
		if segment == "" || segment == "." || segment == ".." {
			return errors.New("its path must not have empty segments, \".\" or \"..\"")
		}
	}
	for _, r := range path {
		if r <= ' ' || r > '~' || r == '\\' {
			return fmt.Errorf("its path must not hold the character %q", r)
		}
	}
	return nil
}
