package oidc

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/ory/fosite"

	"github.com/gatehouse/gatehouse/authz"
	"github.com/gatehouse/gatehouse/authz/directory"
	"github.com/gatehouse/gatehouse/oidc/authn"
	"github.com/gatehouse/gatehouse/oidc/outbound"
	"github.com/gatehouse/gatehouse/storage"
)

// ClientDocuments says which clients may describe themselves in a document whose
// address is their client_id (OAuth Client ID Metadata Document).
type ClientDocuments struct {
	Enabled bool
	// Hosts are the only ones that documents are fetched from; none for every host that
	// is not among BlockedHosts. A host stands for those below it too.
	Hosts, BlockedHosts []string
}

const (
	// maxClientDocument bounds a metadata document, in bytes.
	maxClientDocument = 5 << 10
	// maxClientIDURL bounds its address.
	maxClientIDURL = 512
)

// errClientDocument says that a document cannot be relied on; what it wraps is for the log.
var errClientDocument = errors.New("the client's metadata document is of no use")

// clientDocument is what is read of a metadata document.
type clientDocument struct {
	ClientID     string          `json:"client_id"`
	Name         string          `json:"client_name"`
	RedirectURIs []string        `json:"redirect_uris"`
	AuthMethod   string          `json:"token_endpoint_auth_method"`
	Secret       json.RawMessage `json:"client_secret"`
	SecretExpiry json.RawMessage `json:"client_secret_expires_at"`
	JWKS         json.RawMessage `json:"jwks"`
	JWKSURI      string          `json:"jwks_uri"`
	LogoURI      string          `json:"logo_uri"`
	PolicyURI    string          `json:"policy_uri"`
	TOSURI       string          `json:"tos_uri"`
}

// isDocumentID tells clients that describe themselves from those that are
// registered, whose ids have no slash.
func isDocumentID(id string) bool {
	return strings.HasPrefix(id, "https://") || strings.HasPrefix(id, "http://")
}

// documentClient is the client that a document describes. Until somebody signs in
// nothing is written: only then is there a row, by which operators see and stop it
// and whose scopes and people they may narrow.
func (p *Provider) documentClient(ctx context.Context, id string) (client, error) {
	if err := p.checkDocumentID(id); err != nil {
		return nobody, fosite.ErrInvalidClient.WithWrap(err)
	}
	var known storage.Client
	switch kept, err := p.Store.Client(ctx, authz.ClientID(id)); {
	case errors.Is(err, storage.ErrNotFound):
		known = storage.Client{
			ID: authz.ClientID(id), Kind: storage.ClientNative, SelfRegistered: true, Origin: storage.OriginDocument, OpenTo: storage.OpenToEveryone, IDTokenAlg: "RS256",
			GrantTypes: []string{storage.GrantAuthorizationCode, storage.GrantRefreshToken}, Scopes: []authz.Pattern{"*"},
		}
	case err != nil:
		return nobody, err
	case !kept.Active(p.Now()):
		return nobody, fosite.ErrInvalidClient
	default:
		known = *kept
	}
	if p.guesses.isBlocked(p.fruitless(ctx, id), p.Now()) {
		return nobody, errFruitless
	}
	document, err := p.documents.Get(ctx, id)
	if err == nil {
		err = document.describe(&known)
	}
	if err != nil {
		return nobody, p.refuseDocument(ctx, id, err)
	}
	return client{&known}, nil
}

// fruitlessPerMinute is how many documents of no use are fetched from a host for those
// behind one address: enough to mend one's document, too few to be anybody's nuisance.
const fruitlessPerMinute = 10

var errFruitless = &Error{Code: "temporarily_unavailable", Status: http.StatusTooManyRequests,
	Description: "This application's metadata document could not be used too often. Wait a minute, then try again."}

// fruitless is where documents of no use are counted.
func (p *Provider) fruitless(ctx context.Context, id string) [32]byte {
	host := ""
	if u, err := url.Parse(id); err == nil {
		host = u.Hostname() // of whatever port
	}
	return [32]byte(digest([]byte("documents of no use\x00" + host + "\x00" + authn.AddressGroup(p.CallerAddress(ctx)))))
}

// refuseDocument keeps nothing of a document that is of no use (draft §5.2): the next
// request asks for it again, unless there were too many of them.
func (p *Provider) refuseDocument(ctx context.Context, id string, cause error) error {
	p.documents.Forget(id)
	p.Log.InfoContext(ctx, "a client's metadata document cannot be used", "client_id", id, "cause", cause)
	key, now := p.fruitless(ctx, id), p.Now()
	wait, err := p.Store.TakeToken(ctx, key[:], time.Minute, fruitlessPerMinute, now)
	if err != nil {
		return err
	}
	if wait > 0 {
		p.guesses.block(key, now.Add(wait))
	}
	return fosite.ErrInvalidClient.WithWrap(cause)
}

// keepDocumentClient writes down a client that describes itself when somebody first
// lets it in.
func (p *Provider) keepDocumentClient(ctx context.Context, c *storage.Client) error {
	c.CreatedAt = p.Now()
	err := p.Store.ForOperator().InsertClient(ctx, *c, storage.AuditEvent{
		ID: authz.NewID[authz.AuditID](c.CreatedAt), At: c.CreatedAt, Actor: "client:" + string(c.ID), Action: "client.create",
	})
	if errors.Is(err, storage.ErrConflict) {
		return nil // somebody else was let in at the same moment
	}
	return err
}

// checkDocumentID wants an address that everybody reads in one way.
func (p *Provider) checkDocumentID(id string) error {
	u, err := url.Parse(id)
	switch {
	case !p.ClientDocuments.Enabled:
		return fmt.Errorf("%w: they are switched off", errClientDocument)
	case err != nil || len(id) > maxClientIDURL || u.String() != id || u.Path == "" || u.Path == "/" || u.User != nil || strings.Contains(id, "#"):
		return fmt.Errorf("%w: its address is not a plain URL with a path", errClientDocument)
	case slices.ContainsFunc(strings.Split(u.Path, "/"), func(segment string) bool { return segment == "." || segment == ".." }):
		return fmt.Errorf("%w: its address has dot segments", errClientDocument)
	case !p.ClientDocuments.admits(u.Hostname()):
		return fmt.Errorf("%w: its host is not allowed", errClientDocument)
	}
	return p.Outbound.Check(id)
}

func (d ClientDocuments) admits(host string) bool {
	host = strings.TrimSuffix(strings.ToLower(host), ".")
	within := func(named string) bool {
		named = strings.ToLower(named)
		return host == named || strings.HasSuffix(host, "."+named)
	}
	return !slices.ContainsFunc(d.BlockedHosts, within) && (len(d.Hosts) == 0 || slices.ContainsFunc(d.Hosts, within))
}

// parseClientDocument reads an answer as a metadata document.
func parseClientDocument(a outbound.Answer) (clientDocument, error) {
	var d clientDocument
	if a.Status != http.StatusOK {
		return d, fmt.Errorf("%w: its host answers with status %d", errClientDocument, a.Status)
	}
	if len(a.Body) > maxClientDocument {
		return d, fmt.Errorf("%w: longer than %d bytes", errClientDocument, maxClientDocument)
	}
	if a.MediaType != "application/json" && !strings.HasSuffix(a.MediaType, "+json") {
		return d, fmt.Errorf("%w: not JSON but %q", errClientDocument, a.MediaType)
	}
	if err := json.Unmarshal(a.Body, &d); err != nil {
		return d, fmt.Errorf("%w: %w", errClientDocument, err)
	}
	return d, nil
}

// describe fills in what the document says, after judging all of it.
func (d clientDocument) describe(c *storage.Client) error {
	if d.ClientID != string(c.ID) {
		return fmt.Errorf("%w: client_id is not the address it stands at", errClientDocument)
	}
	if d.Name == "" || len(d.Name) > 200 || !isText(d.Name) || len(d.RedirectURIs) == 0 {
		return fmt.Errorf("%w: client_name and redirect_uris are needed", errClientDocument)
	}
	if d.Secret != nil || d.SecretExpiry != nil {
		return fmt.Errorf("%w: a secret that everybody can read", errClientDocument)
	}
	for _, uri := range d.RedirectURIs {
		if err := checkDocumentRedirect(d.ClientID, uri); err != nil {
			return fmt.Errorf("%w: redirect URI: %w", errClientDocument, err)
		}
	}
	keys := bytes.TrimSpace(d.JWKS)
	switch d.AuthMethod {
	case "", storage.AuthMethodNone:
		d.AuthMethod = storage.AuthMethodNone
	case storage.AuthMethodPrivateKeyJWT:
		if (len(keys) == 0) == (d.JWKSURI == "") {
			return fmt.Errorf("%w: private_key_jwt needs jwks or jwks_uri, one of them", errClientDocument)
		}
	default:
		return fmt.Errorf("%w: token_endpoint_auth_method must be none or private_key_jwt", errClientDocument)
	}
	if len(keys) > 0 {
		if _, err := parseKeySet(keys); err != nil {
			return fmt.Errorf("%w: jwks: %w", errClientDocument, err)
		}
	}
	c.Name, c.RedirectURIs, c.AuthMethod, c.JWKS, c.Metadata.JWKSURI = d.Name, d.RedirectURIs, d.AuthMethod, keys, d.JWKSURI
	c.LogoURI, c.PolicyURI, c.TOSURI = d.LogoURI, d.PolicyURI, d.TOSURI
	return nil
}

// checkDocumentRedirect: people are sent to the document's own origin, or to an app
// on their device. Otherwise a document could borrow the name of its host for
// somebody else's page.
func checkDocumentRedirect(id, uri string) error {
	if err := directory.CheckRedirectURI(uri, storage.ClientNative); err != nil {
		return err
	}
	to, err := url.Parse(uri)
	if err != nil {
		return err
	}
	of, err := url.Parse(id)
	if err != nil {
		return err
	}
	if to.Scheme == "https" && (of.Scheme != "https" || !strings.EqualFold(to.Host, of.Host)) {
		return errors.New("is of another origin than the document")
	}
	return nil
}

// DocumentHost is the host that vouches for a client by its document; "" for one
// that is registered.
func DocumentHost(id authz.ClientID) string {
	u, err := url.Parse(string(id))
	if err != nil || !isDocumentID(string(id)) {
		return ""
	}
	return u.Host
}
