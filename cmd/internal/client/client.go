package client

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"iter"
	"net/http"
	"strings"

	"github.com/gatehouse/gatehouse/web/api"
)

// Client is one place where the API is answered.
type Client struct {
	base string
	http *http.Client
}

// Remote is the API of an issuer. The transport puts the token on each request.
func Remote(issuer string, transport http.RoundTripper) *Client {
	return &Client{strings.TrimSuffix(issuer, "/") + api.Prefix, &http.Client{
		Transport: transport,
		// A token goes where it was meant for, and nowhere else.
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}}
}

// Local is the API of a handler in this process.
func Local(h http.Handler) *Client {
	return &Client{"http://local" + api.Prefix, &http.Client{Transport: inProcess{h}}}
}

// maxDocument bounds one document of an answer, in bytes.
const maxDocument = 16 << 20

// Call calls an operation and reads the document that it answers.
func Call[I, O any](ctx context.Context, c *Client, o api.Operation[I, O], in I) (O, error) {
	var out O
	response, err := c.send(ctx, o.Method, o.Path, &in)
	if err != nil {
		return out, err
	}
	body, err := io.ReadAll(io.LimitReader(response.Body, maxDocument))
	if err = errors.Join(err, response.Body.Close()); err != nil {
		return out, fmt.Errorf("read answer: %w", err)
	}
	if len(body) == 0 {
		return out, nil
	}
	if err := json.Unmarshal(body, &out); err != nil {
		return out, fmt.Errorf("read answer: %w", err)
	}
	return out, nil
}

// Lines calls an operation that streams, and gives one document after the other.
func Lines[I, T any](ctx context.Context, c *Client, o api.Operation[I, api.Lines[T]], in I) iter.Seq2[T, error] {
	return func(yield func(T, error) bool) {
		var none T
		response, err := c.send(ctx, o.Method, o.Path, &in)
		if err != nil {
			yield(none, err)
			return
		}
		defer response.Body.Close()
		lines := bufio.NewReaderSize(response.Body, 64<<10)
		for {
			line, err := lines.ReadBytes('\n')
			if errors.Is(err, io.EOF) && len(line) == 0 {
				return
			}
			if err != nil {
				yield(none, fmt.Errorf("the answer broke off: %w", err))
				return
			}
			document, err := parse[T](line)
			if !yield(document, err) || err != nil {
				return
			}
		}
	}
}

func parse[T any](line []byte) (T, error) {
	var document T
	var broken api.Broken
	if err := json.Unmarshal(line, &broken); err == nil && broken.Error != "" && strings.HasPrefix(string(line), `{"error":`) {
		return document, fmt.Errorf("the answer broke off: %s", broken.Error)
	}
	if err := json.Unmarshal(line, &document); err != nil {
		return document, fmt.Errorf("read answer: %w", err)
	}
	return document, nil
}

func (c *Client) send(ctx context.Context, method, path string, in any) (*http.Response, error) {
	r, names, err := newRequest(ctx, method, c.base, path, in)
	if err != nil {
		return nil, err
	}
	response, err := c.http.Do(r)
	if err != nil {
		return nil, bare(err)
	}
	if response.StatusCode >= 300 {
		return nil, problemOf(response, names)
	}
	return response, nil
}
