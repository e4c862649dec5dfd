package oidc

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"time"

	"github.com/google/uuid"
	"github.com/ory/fosite"

	"github.com/gatehouse/gatehouse/authz"
	"github.com/gatehouse/gatehouse/oidc/keys"
	"github.com/gatehouse/gatehouse/storage"
	"github.com/gatehouse/gatehouse/storage/ledger"
)

// accessTokenAlgorithm is the algorithm of access tokens: its signature is small and
// cheap, and resource servers are ours or follow the JWKS.
const accessTokenAlgorithm = keys.ES256

// accessClaims is the content of an access token (RFC 9068 §2.2).
type accessClaims struct {
	Issuer    string         `json:"iss"`
	Subject   string         `json:"sub"`
	Audience  []string       `json:"aud"`
	ExpiresAt int64          `json:"exp"`
	IssuedAt  int64          `json:"iat"`
	ID        string         `json:"jti"`
	ClientID  authz.ClientID `json:"client_id"`
	Scope     string         `json:"scope,omitempty"`
	GrantID   string         `json:"grant_id,omitempty"`
	SID       string         `json:"sid,omitempty"`
	TenantID  string         `json:"tenant_id,omitempty"`
	ProjectID string         `json:"project_id,omitempty"`
	Roles     []string       `json:"roles,omitempty"`
	Groups    []string       `json:"groups,omitempty"`
	AuthTime  int64          `json:"auth_time,omitempty"`
	ACR       authz.ACR      `json:"acr,omitempty"`
	AMR       []string       `json:"amr,omitempty"`
	// HiddenUser is the user's id, sealed, where Subject is one that the client alone
	// sees; "" otherwise.
	HiddenUser string `json:"gth_usr,omitempty"`
	// Details are what the token is for beyond its scopes (RFC 9396 §9).
	Details []storage.AuthorizationDetail `json:"authorization_details,omitempty"`
	// Actor is who holds a token that was exchanged (RFC 8693 §4.1); nil for the user's app.
	Actor *actor `json:"act,omitempty"`
	// Confirmation is the key that the token is bound to (RFC 7800); nil for none.
	Confirmation *confirmation `json:"cnf,omitempty"`
	// Username is there for those who may see the profile (RFC 9068 §2.2.2).
	Username string `json:"preferred_username,omitempty"`

	// revealed is what HiddenUser said, once the token was opened.
	revealed authz.UserID
}

// ids is everything by which the ledger may know the token to be dead.
func (c accessClaims) ids() []string {
	ids := []string{c.ID}
	for _, id := range []string{c.GrantID, c.SID} {
		if id != "" {
			ids = append(ids, id)
		}
	}
	return ids
}

// user is whom the token stands for; zero for a client's own token.
func (c accessClaims) user() authz.UserID {
	if c.GrantID == "" {
		return authz.UserID{}
	}
	if !c.revealed.IsZero() {
		return c.revealed
	}
	id, _ := authz.ParseID[authz.UserID](c.Subject)
	return id
}

func (c accessClaims) context() authz.Context {
	tenant, _ := authz.ParseID[authz.TenantID](c.TenantID)
	project, _ := authz.ParseID[authz.ProjectID](c.ProjectID)
	return authz.Context{Tenant: tenant, Project: project, ACR: c.ACR}
}

// accessTokenStrategy makes access tokens for fosite. Its "signature" is the jti:
// the bytes of an ECDSA signature can be altered and still verify, so nothing is
// ever keyed by them.
type accessTokenStrategy struct{ provider *Provider }

func (accessTokenStrategy) AccessTokenSignature(_ context.Context, token string) string { return token }

func (s accessTokenStrategy) GenerateAccessToken(ctx context.Context, r fosite.Requester) (token, signature string, err error) {
	claims, err := s.provider.accessClaims(ctx, r)
	if err != nil {
		return "", "", err
	}
	token, err = s.provider.Keys.Sign(accessTokenAlgorithm, keys.TypeAccessToken, claims)
	return token, claims.ID, err
}

// giveAccessToken is the one thing that every answer of the token endpoint has.
func (p *Provider) giveAccessToken(ctx context.Context, request fosite.AccessRequester, response fosite.AccessResponder) error {
	token, _, err := accessTokenStrategy{p}.GenerateAccessToken(ctx, request)
	response.SetAccessToken(token)
	response.SetTokenType("bearer") // what fosite wants to see; the answer has the real one
	return err
}

// ValidateAccessToken is not how tokens are judged here; see introspect.go.
func (accessTokenStrategy) ValidateAccessToken(context.Context, fosite.Requester, string) error {
	return errNotAsked
}

func (p *Provider) accessClaims(ctx context.Context, r fosite.Requester) (*accessClaims, error) {
	s, ok := r.GetSession().(*session)
	if !ok {
		return nil, fmt.Errorf("make access token: session is %T", r.GetSession())
	}
	now := p.Now()
	c := &accessClaims{
		Issuer: p.Issuer, ClientID: s.client.ID, Subject: string(s.client.ID), TenantID: s.client.Tenant.String(),
		ID: uuid.Must(uuid.NewRandom()).String(), IssuedAt: now.Unix(), Confirmation: s.confirm, Actor: s.actor, Details: s.details,
	}
	var scopes authz.ScopeSet
	for _, scope := range r.GetGrantedScopes() {
		scopes = append(scopes, authz.Scope(scope))
	}
	c.Scope = scopes.String()
	tenant := s.client.Tenant
	if s.granted != nil {
		g, person := s.granted.Grant, s.granted.Person
		in := authz.Context{Tenant: g.Tenant, Project: g.Project}
		tenant = g.Tenant
		c.Subject, c.GrantID, c.SID = p.subjects.of(s.client, g.User), g.ID.String(), g.SID.String()
		if s.client.Metadata.SubjectType == subjectPairwise {
			c.HiddenUser = p.subjects.hide(g.User)
		}
		c.TenantID, c.ProjectID = g.Tenant.String(), g.Project.String()
		c.Roles, c.Groups = []string{string(person.Role)}, person.Rights.GroupNames(in)
		c.ACR, c.AMR = g.ACR, g.AMR
		if !g.AuthTime.IsZero() {
			c.AuthTime = g.AuthTime.Unix()
		}
		if scopes.Has(authz.ScopeProfile) {
			c.Username = person.Username
		}
	}
	var err error
	if c.Audience, err = p.audience(ctx, tenant, scopes, s.targets, s.details); err != nil {
		return nil, err
	}
	if s.lifetime, err = p.lifetime(ctx, c.Audience); err != nil {
		return nil, err
	}
	if left := s.notAfter.Sub(now); !s.notAfter.IsZero() && left < s.lifetime {
		s.lifetime = left
	}
	c.ExpiresAt = now.Add(s.lifetime).Unix()
	return c, nil
}

// openAccessToken proves that a text is an access token of ours that has not
// expired. The ledger has not been asked yet. Its error is keys.ErrInvalidToken.
func (p *Provider) openAccessToken(token string) (accessClaims, error) {
	var c accessClaims
	verified, err := p.Keys.Verify(token, keys.TypeAccessToken)
	if err != nil {
		return c, err
	}
	if err := json.Unmarshal(verified.Payload, &c); err != nil {
		return c, fmt.Errorf("%w: %w", keys.ErrInvalidToken, err)
	}
	if c.Issuer != p.Issuer {
		return c, fmt.Errorf("%w: of another issuer", keys.ErrInvalidToken)
	}
	if !p.Now().Before(time.Unix(c.ExpiresAt, 0)) {
		return c, fmt.Errorf("%w: expired", keys.ErrInvalidToken)
	}
	if c.HiddenUser != "" {
		if c.revealed, err = p.subjects.reveal(c.HiddenUser); err != nil {
			return c, fmt.Errorf("%w: its user cannot be read", keys.ErrInvalidToken)
		}
		c.HiddenUser = ""
	}
	return c, nil
}

// standing is what is true of a token at this moment, after the ledger and the
// directory were asked.
type standing struct {
	active bool
	claims accessClaims
	person *storage.Person // nil for a client's own token, and where nobody was asked
}

// stand says what a token is worth at this moment. Memory knows, unless a right
// that it rests on may have changed since it was issued.
func (p *Provider) stand(ctx context.Context, c accessClaims) (standing, error) {
	issuer, err := p.issuerOf(ctx, c)
	if err != nil || issuer == nil {
		return standing{}, err
	}
	rests := ledger.Token{
		IDs: [3]string{c.ID, c.GrantID, c.SID}, RestsOn: [4]string{"", c.TenantID, string(c.ClientID)}, IssuedAt: time.Unix(c.IssuedAt, 0),
	}
	if c.GrantID != "" {
		rests.RestsOn[0] = c.user().String()
	}
	if issuer.Kind == storage.ClientAgent {
		rests.RestsOn[3] = issuer.Owner.String()
	}
	switch p.Ledger.Judge(rests) {
	case ledger.Dead:
		return standing{}, nil
	case ledger.Stands:
		return standing{active: true, claims: c}, nil
	}
	return p.standNow(ctx, c, issuer)
}

// issuerOf is the client that a token was issued to; nil when it may not be used,
// or when it has only the name of that one, being younger than the token.
func (p *Provider) issuerOf(ctx context.Context, c accessClaims) (*storage.Client, error) {
	issuer, err := p.Store.Client(ctx, c.ClientID)
	if err != nil || !issuer.Active(p.Now()) || issuer.CreatedAt.Unix() > c.IssuedAt {
		return nil, ignoreNotFound(err)
	}
	return issuer, nil
}

// standNow asks the database in one trip whether the token lives, and takes from it
// what its user lost since it was issued. It never adds. An agent's token costs a
// second trip, for it falls with its owner too.
func (p *Provider) standNow(ctx context.Context, c accessClaims, issuer *storage.Client) (standing, error) {
	now, err := p.Store.Standing(ctx, c.ids(), c.user())
	if err != nil || now.Dead {
		return standing{}, err
	}
	person := now.Person
	if c.GrantID != "" {
		if person == nil || !person.DisabledAt.IsZero() {
			return standing{}, nil
		}
		if _, member := person.Tenant(c.context().Tenant); !member || !issuer.Admits(&person.Rights, c.context()) {
			return standing{}, nil
		}
	}
	if issuer.Kind == storage.ClientAgent {
		owner, err := p.Store.ForUser(issuer.Owner).Person(ctx)
		if err != nil || !answers(owner, issuer) {
			return standing{}, ignoreNotFound(err)
		}
	}
	if err := p.narrow(ctx, &c, issuer, person); err != nil {
		return standing{}, err
	}
	return standing{active: true, claims: c, person: person}, nil
}

// narrow takes from a token what its user, or the owner of its agent, lost.
func (p *Provider) narrow(ctx context.Context, c *accessClaims, issuer *storage.Client, person *storage.Person) error {
	in := c.context()
	d, err := p.derive(ctx, parsedScopes(c.Scope), issuer, person, in, nil)
	if err != nil {
		return err
	}
	c.Scope = d.Granted.String()
	if person != nil {
		c.Roles = []string{string(person.Role)}
		held := person.Rights.GroupNames(in)
		c.Groups = slices.DeleteFunc(c.Groups, func(g string) bool { return !slices.Contains(held, g) })
	}
	return nil
}
