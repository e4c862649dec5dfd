package remote

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strings"
	"time"
)

// ErrRefused says that the server answered, and the answer is no.
var ErrRefused = errors.New("the server refused")

// Error is an OAuth error (RFC 6749 §5.2) in the server's words.
type Error struct {
	Code        string `json:"error"`
	Description string `json:"error_description"`
}

func (e *Error) Error() string {
	if e.Description == "" {
		return "the server refused: " + e.Code
	}
	return "the server refused: " + e.Code + ": " + e.Description
}

// Is makes every such error an [ErrRefused], but for faults of the server.
func (e *Error) Is(target error) bool {
	return target == ErrRefused && e.Code != "server_error" && e.Code != "temporarily_unavailable"
}

// Server is an issuer that was discovered (RFC 8414).
type Server struct {
	Issuer              string `json:"issuer"`
	Authorization       string `json:"authorization_endpoint"`
	Token               string `json:"token_endpoint"`
	DeviceAuthorization string `json:"device_authorization_endpoint"`
	Revocation          string `json:"revocation_endpoint"`
	UserInfo            string `json:"userinfo_endpoint"`

	now  func() time.Time
	http *http.Client
}

const (
	requestTimeout = 15 * time.Second
	maxAnswer      = 1 << 20
)

// Discover finds the endpoints of an issuer. It refuses plain http to another
// machine, for tokens would cross the network in the clear.
func Discover(ctx context.Context, issuer string, now func() time.Time) (*Server, error) {
	if err := encrypted(issuer); err != nil {
		return nil, err
	}
	s := &Server{now: now, http: &http.Client{
		Timeout:       requestTimeout,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}}
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, issuer+"/.well-known/openid-configuration", nil)
	if err != nil {
		return nil, fmt.Errorf("discover issuer: %w", err)
	}
	if err := s.send(r, s); err != nil {
		return nil, fmt.Errorf("discover issuer: %w", err)
	}
	// RFC 8414 §3.3: or one server could speak for another.
	if s.Issuer != issuer {
		return nil, fmt.Errorf("discover issuer: %s says that it is %q", issuer, s.Issuer)
	}
	for _, endpoint := range []string{s.Authorization, s.Token, s.DeviceAuthorization, s.Revocation, s.UserInfo} {
		if err := encrypted(endpoint); err != nil {
			return nil, fmt.Errorf("discover issuer: %w", err)
		}
	}
	return s, nil
}

// encrypted holds an address to https, or to this machine.
func encrypted(address string) error {
	u, err := url.Parse(address)
	if err != nil || u.Host == "" || u.User != nil {
		return fmt.Errorf("%.80q is not an address such as https://id.example.com", address)
	}
	ip := net.ParseIP(u.Hostname())
	if u.Scheme == "https" || u.Scheme == "http" && (u.Hostname() == "localhost" || ip != nil && ip.IsLoopback()) {
		return nil
	}
	return fmt.Errorf("%.80q is not https: tokens must not cross the network in the clear", address)
}

// post sends a form as the command line's client and reads the answer.
func (s *Server) post(ctx context.Context, endpoint string, form url.Values, into any) error {
	form.Set("client_id", string(ClientID))
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, endpoint, strings.NewReader(form.Encode()))
	if err != nil {
		return err
	}
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	return s.send(r, into)
}

// send reads a JSON answer into a struct, nil for none. Its error is an [*Error]
// where the server gave one.
func (s *Server) send(r *http.Request, into any) error {
	r.Header.Set("Accept", "application/json")
	response, err := s.http.Do(r)
	if err != nil {
		return err
	}
	body, err := io.ReadAll(io.LimitReader(response.Body, maxAnswer))
	if err = errors.Join(err, response.Body.Close()); err != nil {
		return fmt.Errorf("read answer: %w", err)
	}
	if response.StatusCode != http.StatusOK {
		return refusal(response, body)
	}
	if into == nil {
		return nil
	}
	// The decoder's own words could quote a token.
	if json.Unmarshal(body, into) != nil {
		return errors.New("the answer is not the JSON document that was expected")
	}
	return nil
}

func refusal(response *http.Response, body []byte) error {
	var e Error
	if json.Unmarshal(body, &e) == nil && e.Code != "" {
		return &e
	}
	if response.StatusCode == http.StatusUnauthorized {
		return &Error{Code: "invalid_token"} // RFC 6750 §3.1: the code stands in a header
	}
	return fmt.Errorf("the server answers %s", response.Status)
}
