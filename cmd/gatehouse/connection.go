package main

import (
	"net/url"
	"regexp"
	"strings"
)

// splitPassword takes the password out of a connection string, so that what is
// left can be printed or be an argument. It knows both forms that PostgreSQL
// does: an URL, and words such as "host=db password=x". A string that it cannot
// read comes back empty.
func splitPassword(dsn string) (rest, password string) {
	if !strings.HasPrefix(dsn, "postgres://") && !strings.HasPrefix(dsn, "postgresql://") {
		return splitWords(dsn)
	}
	u, err := url.Parse(dsn)
	if err != nil {
		return "", ""
	}
	if given, ok := u.User.Password(); ok {
		password = given
		u.User = url.User(u.User.Username())
	}
	query := u.Query()
	for name := range query {
		if secretWord(name) {
			if name == "password" {
				password = query.Get(name)
			}
			query.Del(name)
		}
	}
	u.RawQuery = query.Encode()
	return u.String(), password
}

// secretWord names the parameters of libpq that hold a secret.
func secretWord(name string) bool { return name == "password" || name == "sslpassword" }

// word is a parameter of libpq: a name, and a value that is bare or in quotes.
var word = regexp.MustCompile(`^\s*([a-z_]+)\s*=\s*('(?:[^'\\]|\\.)*'|(?:[^\s'\\]|\\.)*)(?:\s|$)`)

func splitWords(dsn string) (rest, password string) {
	var kept []string
	for strings.TrimSpace(dsn) != "" {
		m := word.FindStringSubmatch(dsn)
		if m == nil {
			return "", ""
		}
		dsn = dsn[len(m[0]):]
		if secretWord(m[1]) {
			if m[1] == "password" {
				password = unquote(m[2])
			}
			continue
		}
		kept = append(kept, m[1]+"="+m[2])
	}
	return strings.Join(kept, " "), password
}

var escaped = regexp.MustCompile(`\\(.)`)

func unquote(value string) string {
	if len(value) >= 2 && value[0] == '\'' {
		value = value[1 : len(value)-1]
	}
	return escaped.ReplaceAllString(value, "$1")
}
