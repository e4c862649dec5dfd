package resource

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"time"
)

const (
	maxDocument  = 64 << 10
	fetchTimeout = 5 * time.Second
)

// fetcher speaks with the authorization server: briefly, in small documents, and
// with nobody that it redirects to.
type fetcher struct{ client *http.Client }

// newFetcher uses a copy of the client, http.Client{} when it is nil.
func newFetcher(client *http.Client) fetcher {
	var own http.Client
	if client != nil {
		own = *client
	}
	own.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	return fetcher{&own}
}

type answer struct {
	status int
	header http.Header
	body   []byte
}

func (f fetcher) get(ctx context.Context, uri string) (answer, error) {
	request, err := http.NewRequest(http.MethodGet, uri, nil)
	if err != nil {
		return answer{}, err
	}
	return f.do(ctx, request)
}

func (f fetcher) do(ctx context.Context, request *http.Request) (answer, error) {
	ctx, cancel := context.WithTimeout(ctx, fetchTimeout)
	defer cancel()
	request.Header.Set("Accept", "application/json")
	response, err := f.client.Do(request.WithContext(ctx))
	if err != nil {
		return answer{}, err
	}
	defer response.Body.Close()
	body, err := io.ReadAll(io.LimitReader(response.Body, maxDocument+1))
	if err != nil {
		return answer{}, fmt.Errorf("read answer: %w", err)
	}
	if len(body) > maxDocument {
		return answer{}, fmt.Errorf("answer is larger than %d bytes", maxDocument)
	}
	return answer{response.StatusCode, response.Header, body}, nil
}

// checkURL demands https, or http on this machine alone: whoever can change what
// arrives from it chooses who is let in.
func checkURL(text string) (*url.URL, error) {
	u, err := url.Parse(text)
	if err != nil {
		return nil, err
	}
	switch {
	case u.Host == "" || u.User != nil || u.Fragment != "":
		return nil, errors.New("expected an absolute URL without user name and fragment")
	case u.Scheme == "https", u.Scheme == "http" && isLoopback(u.Hostname()):
		return u, nil
	}
	return nil, errors.New("expected https (or http on localhost)")
}

func isLoopback(host string) bool {
	ip := net.ParseIP(host)
	return host == "localhost" || ip != nil && ip.IsLoopback()
}
