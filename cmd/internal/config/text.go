package config

import (
	"encoding"
	"fmt"
	"net/netip"
	"strconv"
	"strings"
	"time"
)

// Env is the kind of a deployment.
type Env string

// The kinds of deployment.
const (
	Development Env = "development"
	Production  Env = "production"
)

// UnmarshalText knows the two kinds.
func (e *Env) UnmarshalText(text []byte) error {
	switch given := Env(text); given {
	case Development, Production:
		*e = given
		return nil
	}
	return fmt.Errorf("%.40q is neither development nor production", text)
}

// LogFormat is the form of a log.
type LogFormat string

// The forms of a log.
const (
	LogText LogFormat = "text"
	LogJSON LogFormat = "json"
)

// UnmarshalText knows the two forms.
func (f *LogFormat) UnmarshalText(text []byte) error {
	switch given := LogFormat(text); given {
	case LogText, LogJSON:
		*f = given
		return nil
	}
	return fmt.Errorf("%.40q is neither text nor json", text)
}

// Registration says who may register clients.
type Registration string

// UnmarshalText knows the three words.
func (r *Registration) UnmarshalText(text []byte) error {
	switch given := Registration(text); given {
	case "off", "token", "open":
		*r = given
		return nil
	}
	return fmt.Errorf("%.40q is none of off, token and open", text)
}

// Ratio is a share, from 0 to 1.
type Ratio float64

// UnmarshalText reads a decimal number.
func (r *Ratio) UnmarshalText(text []byte) error {
	f, err := strconv.ParseFloat(string(text), 64)
	if err != nil || !(f >= 0 && f <= 1) {
		return fmt.Errorf("%.40q is not a number from 0 to 1", text)
	}
	*r = Ratio(f)
	return nil
}

// ParseDuration reads what [time.ParseDuration] does, and whole days as "14d".
func ParseDuration(s string) (time.Duration, error) {
	if days, ok := strings.CutSuffix(s, "d"); ok {
		if n, err := strconv.ParseUint(days, 10, 16); err == nil {
			return time.Duration(n) * 24 * time.Hour, nil
		}
	}
	d, err := time.ParseDuration(s)
	if err != nil {
		return 0, fmt.Errorf("%.40q is not a duration such as 30s, 10m, 12h or 14d", s)
	}
	return d, nil
}

// parsePrefixes reads networks between commas; an address alone is a network of one.
func parsePrefixes(s string) ([]netip.Prefix, error) {
	var networks []netip.Prefix
	for part := range strings.SplitSeq(s, ",") {
		if part = strings.TrimSpace(part); part == "" {
			continue
		}
		network, err := netip.ParsePrefix(part)
		if addr, addrErr := netip.ParseAddr(part); addrErr == nil && addr.Zone() == "" {
			network, err = netip.PrefixFrom(addr, addr.BitLen()), nil
		}
		if err != nil {
			return nil, fmt.Errorf("%.60q is not a network such as 10.0.0.0/8", part)
		}
		networks = append(networks, network.Masked())
	}
	return networks, nil
}

// assign reads text into a field of [Config].
func assign(field any, text string) (err error) {
	switch f := field.(type) {
	case *string:
		*f = text
	case *bool:
		if *f, err = strconv.ParseBool(text); err != nil {
			err = fmt.Errorf("%.40q is neither true nor false", text)
		}
	case *time.Duration:
		*f, err = ParseDuration(text)
	case *[]netip.Prefix:
		*f, err = parsePrefixes(text)
	case *[]string:
		*f = strings.FieldsFunc(text, func(r rune) bool { return r == ',' || r == ' ' })
	case encoding.TextUnmarshaler:
		err = f.UnmarshalText([]byte(text))
	default:
		err = fmt.Errorf("a setting of type %T cannot be read", field)
	}
	return err
}
