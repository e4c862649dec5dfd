package resource

import (
	"errors"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/gatehouse/gatehouse/authz"
)

// credentials is the client as which this resource server asks, by its secret or
// its key.
type credentials struct {
	issuer string
	id     authz.ClientID
	secret Secret
	key    ClientKey
	now    func() time.Time
}

func (c credentials) check() error {
	if c.id == "" || (c.secret.reveal() == "") == c.key.IsZero() {
		return errors.New("client id is missing, or there is not exactly one of client secret and client key")
	}
	return nil
}

// post is a question to the issuer, as the client.
func (c credentials) post(endpoint string, form url.Values) (*http.Request, error) {
	if !c.key.IsZero() {
		assertion, err := c.key.Assertion(c.id, c.issuer, c.now())
		if err != nil {
			return nil, err
		}
		form.Set("client_assertion_type", "urn:ietf:params:oauth:client-assertion-type:jwt-bearer")
		form.Set("client_assertion", assertion)
	}
	request, err := http.NewRequest(http.MethodPost, endpoint, strings.NewReader(form.Encode()))
	if err != nil {
		return nil, err
	}
	request.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	if c.key.IsZero() {
		// RFC 6749 §2.3.1: both parts are form-encoded before they are joined.
		request.SetBasicAuth(url.QueryEscape(string(c.id)), url.QueryEscape(c.secret.reveal()))
	}
	return request, nil
}
