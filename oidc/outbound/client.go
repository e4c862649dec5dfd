package outbound

import (
	"bytes"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"mime"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"syscall"
	"time"
)

const (
	// Deadline bounds one request, from the look-up of the name to the last byte.
	Deadline = 3 * time.Second
	// MaxBody bounds an answer, in bytes.
	MaxBody = 64 << 10
	// maxInFlight bounds how many requests run at once: slow strangers wait for
	// one another and for nobody else.
	maxInFlight = 32
)

// ErrUnavailable is the one error of everything that goes wrong with an address
// that somebody else chose. What it wraps is for the log.
var ErrUnavailable = errors.New("the address cannot be fetched")

// Client goes out. It may be used from many goroutines.
type Client struct {
	http     *http.Client
	insecure bool
	slots    chan struct{}
}

// New makes a client. insecure also lets it reach plain http and this machine's
// own networks: for development, where the other side runs on the same machine.
func New(insecure bool) *Client {
	c := &Client{insecure: insecure, slots: make(chan struct{}, maxInFlight)}
	dialer := &net.Dialer{Timeout: Deadline, Control: c.judge}
	c.http = &http.Client{
		Timeout: Deadline,
		Transport: &http.Transport{
			// Without a proxy: it would look names up where nobody judges them.
			DialContext:            dialer.DialContext,
			TLSClientConfig:        &tls.Config{MinVersion: tls.VersionTLS12},
			TLSHandshakeTimeout:    Deadline,
			ResponseHeaderTimeout:  Deadline,
			MaxResponseHeaderBytes: 16 << 10,
			ForceAttemptHTTP2:      true,
			MaxIdleConns:           maxInFlight,
			IdleConnTimeout:        10 * time.Second,
			DisableCompression:     true, // a small answer may unpack to a large one
		},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
	return c
}

// judge refuses a connection by the very address that is about to be dialled.
func (c *Client) judge(_, address string, _ syscall.RawConn) error {
	to, err := netip.ParseAddrPort(address)
	if err != nil || !c.insecure && !public(to.Addr()) {
		return fmt.Errorf("%s is not an address of the public Internet", address)
	}
	return nil
}

// Check refuses an address that could never be fetched, when somebody registers it:
// not https, with user information or a fragment, or naming no host.
func (c *Client) Check(address string) error {
	u, err := url.Parse(address)
	switch {
	case err != nil, u.Host == "", u.Hostname() == "", u.User != nil, u.Fragment != "", u.Opaque != "":
		return fmt.Errorf("%w: not an absolute URL without user information and fragment", ErrUnavailable)
	case u.Scheme != "https" && !(c.insecure && u.Scheme == "http"):
		return fmt.Errorf("%w: not https", ErrUnavailable)
	}
	if a, err := netip.ParseAddr(u.Hostname()); err == nil && !c.insecure && !public(a) {
		return fmt.Errorf("%w: not an address of the public Internet", ErrUnavailable)
	}
	return nil
}

// Answer is what a server said.
type Answer struct {
	Status int
	// MediaType is of the Content-Type, without parameters.
	MediaType string
	Header    http.Header
	Body      []byte
}

// Get fetches a document; only status 200 is an answer.
func (c *Client) Get(ctx context.Context, address, accept string) (Answer, error) {
	r, err := c.request(ctx, http.MethodGet, address, nil)
	if err != nil {
		return Answer{}, err
	}
	r.Header.Set("Accept", accept)
	answer, err := c.do(r)
	if err == nil && answer.Status != http.StatusOK {
		err = fmt.Errorf("%w: status %d", ErrUnavailable, answer.Status)
	}
	return answer, err
}

// Post delivers a body; whatever status comes back is the answer.
func (c *Client) Post(ctx context.Context, address string, header http.Header, body []byte) (Answer, error) {
	r, err := c.request(ctx, http.MethodPost, address, body)
	if err != nil {
		return Answer{}, err
	}
	for name, values := range header {
		r.Header[name] = values
	}
	return c.do(r)
}

func (c *Client) request(ctx context.Context, method, address string, body []byte) (*http.Request, error) {
	if err := c.Check(address); err != nil {
		return nil, err
	}
	r, err := http.NewRequestWithContext(ctx, method, address, bytes.NewReader(body))
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrUnavailable, err)
	}
	r.Header.Set("User-Agent", "Gatehouse")
	return r, nil
}

func (c *Client) do(r *http.Request) (Answer, error) {
	ctx, cancel := context.WithTimeout(r.Context(), Deadline)
	defer cancel()
	select {
	case c.slots <- struct{}{}:
		defer func() { <-c.slots }()
	case <-ctx.Done():
		return Answer{}, fmt.Errorf("%w: too many requests are under way", ErrUnavailable)
	}
	response, err := c.http.Do(r.WithContext(ctx))
	if err != nil {
		return Answer{}, fmt.Errorf("%w: %w", ErrUnavailable, err)
	}
	defer response.Body.Close()
	body, err := io.ReadAll(io.LimitReader(response.Body, MaxBody+1))
	switch {
	case err != nil:
		return Answer{}, fmt.Errorf("%w: %w", ErrUnavailable, err)
	case len(body) > MaxBody:
		return Answer{}, fmt.Errorf("%w: longer than %d bytes", ErrUnavailable, MaxBody)
	}
	media, _, _ := mime.ParseMediaType(response.Header.Get("Content-Type"))
	return Answer{Status: response.StatusCode, MediaType: media, Header: response.Header, Body: body}, nil
}
