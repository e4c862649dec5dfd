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
	case u.Scheme == "http" && !loopback(u.Hostname()):
		return errors.New("http is for localhost, 127.0.0.1 and [::1]: anywhere else browsers do not say where a form comes from, and sign-in is refused")
	case u.User != nil:
		return errors.New("it must not hold a user name or a password")
	case strings.ContainsAny(issuer, "?#"):
		return errors.New("it must not have a query or a fragment (RFC 8414 §2)")
	case strings.HasSuffix(issuer, "/"):
		return errors.New("leave out the slash at the end")
	case u.Scheme == "https" && u.Port() == "443", u.Scheme == "http" && u.Port() == "80", strings.HasSuffix(u.Host, ":"):
		return errors.New("leave out the port: it is the default one")
	case issuer != strings.ToLower(u.Scheme+"://"+u.Host)+u.EscapedPath():
		return errors.New("write scheme and host in small letters")
	}
	if u.Path != "" {
		return errors.New("leave out the path: the pages stand at the root of their host")
	}
	return nil
}

func loopback(host string) bool { return host == "localhost" || host == "127.0.0.1" || host == "::1" }
