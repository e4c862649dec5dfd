package client

import (
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/url"
	"strings"
)

// ErrRefused says that something may not be done, and not that it did not work.
var ErrRefused = errors.New("refused")

// ErrUnavailable says that the database behind the API does not answer.
var ErrUnavailable = errors.New("unavailable")

// Problem is a problem document (RFC 9457) as it was answered.
type Problem struct {
	Status int    `json:"status"`
	Title  string `json:"title"`
	Detail string `json:"detail"`
	Errors []struct {
		Location string `json:"location"`
		Message  string `json:"message"`
	} `json:"errors"`

	names []string
}

// Error says what was wrong with which part of the request, or else with all of it.
func (p *Problem) Error() string {
	var parts []string
	for _, e := range p.Errors {
		part := e.Message
		where := e.Location
		for _, source := range []string{"body.", "query.", "path."} {
			where = strings.TrimPrefix(where, source)
		}
		if where != "" && where != "body" {
			part = where + ": " + part
		}
		parts = append(parts, part)
	}
	if len(parts) > 0 {
		return strings.Join(parts, "\n")
	}
	text := p.Detail
	if text == "" {
		text = p.Title
	}
	if p.Status != http.StatusNotFound || len(p.names) == 0 {
		return text
	}
	text = "there is no " + strings.Join(p.names, ", or no ")
	if len(p.names) > 1 {
		text += " there"
	}
	return text
}

// Is makes a problem [ErrRefused] where it is one.
func (p *Problem) Is(target error) bool {
	switch target {
	case ErrRefused:
		return p.Status == http.StatusUnauthorized || p.Status == http.StatusForbidden
	case ErrUnavailable:
		return p.Status == http.StatusServiceUnavailable
	}
	return false
}

// problemOf reads the refusal, and ends the answer.
func problemOf(response *http.Response, names []string) error {
	body, err := io.ReadAll(io.LimitReader(response.Body, maxDocument))
	if err = errors.Join(err, response.Body.Close()); err != nil {
		return err
	}
	p := &Problem{names: names}
	if json.Unmarshal(body, p) != nil || p.Title == "" {
		p.Title = "the server answers " + response.Status
	}
	p.Status = response.StatusCode
	return p
}

// bare is an error of the transport without the address, which nobody chose.
func bare(err error) error {
	var wrapped *url.Error
	if errors.As(err, &wrapped) {
		return wrapped.Err
	}
	return err
}
