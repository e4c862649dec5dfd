package api

import (
	"context"
	"encoding/json"
	"time"

	"github.com/gatehouse/gatehouse/authz"
	"github.com/gatehouse/gatehouse/authz/directory"
	"github.com/gatehouse/gatehouse/storage"
)

// The operations on trusted issuers.
var (
	ListTrustedIssuers  = Operation[TrustedIssuerFilter, List[TrustedIssuer]]{"GET", "/trusted-issuers", "listTrustedIssuers", "List the issuers whose signed word counts here", 200, operator}
	AddTrustedIssuer    = Operation[NewTrustedIssuer, TrustedIssuer]{"POST", "/trusted-issuers", "addTrustedIssuer", "Trust an issuer with people (RFC 7523) or with software (RFC 7591)", 201, operator}
	ShowTrustedIssuer   = Operation[TrustedIssuerPath, TrustedIssuer]{"GET", "/trusted-issuers/{issuer}", "getTrustedIssuer", "Show a trusted issuer", 200, operator}
	RemoveTrustedIssuer = Operation[TrustedIssuerPath, Outcome]{"DELETE", "/trusted-issuers/{issuer}", "removeTrustedIssuer", "Trust an issuer no more, and end every token that came of it", 200, operator}
)

func (a *API) trustedIssuerRoutes() {
	add(a, ListTrustedIssuers, a.listTrustedIssuers)
	add(a, AddTrustedIssuer, a.addTrustedIssuer)
	add(a, ShowTrustedIssuer, a.showTrustedIssuer)
	add(a, RemoveTrustedIssuer, a.removeTrustedIssuer)
}

// TrustedIssuer is somebody else whose signed word counts here.
type TrustedIssuer struct {
	ID         string          `json:"id"`
	Issuer     string          `json:"issuer"`
	TenantID   *string         `json:"tenant_id" table:"-" doc:"null for one that the whole deployment trusts"`
	VouchesFor string          `json:"vouches_for" enum:"people,software"`
	Subject    string          `json:"subject,omitempty" enum:"id,username,email" doc:"What its sub names people by"`
	Scopes     []string        `json:"scopes" nullable:"false" doc:"What its assertions can be good for at most"`
	Algorithms []string        `json:"algorithms" nullable:"false" table:"-" doc:"What it may sign with; none for anything that is supported"`
	JWKSURI    string          `json:"jwks_uri,omitempty" table:"-"`
	JWKS       json.RawMessage `json:"jwks,omitempty" table:"-" doc:"Its public keys (RFC 7517 §5), where they are kept here"`
	CreatedAt  *time.Time      `json:"created_at" nullable:"false"`
}

func describeTrustedIssuer(i storage.TrustedIssuer) TrustedIssuer {
	return TrustedIssuer{
		ID: i.ID.String(), Issuer: i.Issuer, TenantID: optional(i.Tenant.String()), VouchesFor: string(i.VouchesFor), Subject: string(i.Subject),
		Scopes: texts(i.Scopes), Algorithms: texts(i.Algorithms), JWKSURI: i.JWKSURI, JWKS: i.JWKS, CreatedAt: instant(i.CreatedAt),
	}
}

// TrustedIssuerFilter asks for some of the trusted issuers.
type TrustedIssuerFilter struct {
	Tenant string `query:"tenant" maxLength:"64" doc:"Only those that this tenant trusts by itself, by id or slug"`
	Paging
}

func (a *API) listTrustedIssuers(ctx context.Context, actor directory.Actor, in *TrustedIssuerFilter) (List[TrustedIssuer], error) {
	paging, err := a.paging(in.Paging)
	if err != nil {
		return List[TrustedIssuer]{}, err
	}
	page, err := a.Directory.TrustedIssuers(ctx, actor, in.Tenant, paging)
	return listOf(a, page, describeTrustedIssuer), err
}

// NewTrustedIssuer is an issuer to be trusted.
type NewTrustedIssuer struct {
	Once
	Body struct {
		Issuer     string          `json:"issuer" minLength:"1" maxLength:"2048" doc:"The iss of its tokens, letter by letter"`
		VouchesFor string          `json:"vouches_for,omitempty" enum:"people,software" doc:"What it is trusted with; people when left out"`
		Subject    string          `json:"subject,omitempty" enum:"id,username,email" doc:"What its sub names people by; email, which must be proven here, when left out"`
		Scopes     []string        `json:"scopes,omitempty" maxItems:"64" doc:"What its assertions can be good for at most. You can give only what you hold"`
		Algorithms []string        `json:"algorithms,omitempty" maxItems:"8" doc:"What it may sign with; anything that is supported when left out"`
		JWKS       json.RawMessage `json:"jwks,omitempty" doc:"Its public keys (RFC 7517 §5)"`
		JWKSURI    string          `json:"jwks_uri,omitempty" maxLength:"2048" doc:"Where it publishes them, instead"`
		Tenant     string          `json:"tenant,omitempty" maxLength:"64" doc:"Who trusts it, by id or slug; the first tenant when left out"`
		AllTenants bool            `json:"all_tenants,omitempty" doc:"The whole deployment trusts it instead"`
	}
}

func (a *API) addTrustedIssuer(ctx context.Context, actor directory.Actor, in *NewTrustedIssuer) (TrustedIssuer, error) {
	b := in.Body
	i := storage.TrustedIssuer{
		VouchesFor: storage.Vouching(b.VouchesFor), Issuer: b.Issuer, JWKS: b.JWKS, JWKSURI: b.JWKSURI, Algorithms: b.Algorithms, Subject: storage.SubjectForm(b.Subject),
	}
	if i.VouchesFor == "" {
		i.VouchesFor = storage.VouchesForPeople
	}
	if i.VouchesFor == storage.VouchesForPeople && i.Subject == "" {
		i.Subject = storage.SubjectEmail
	}
	var err error
	if i.Scopes, err = patterns(b.Scopes); err != nil {
		return TrustedIssuer{}, err
	}
	i, err = a.Directory.AddTrustedIssuer(ctx, actor, i, b.Tenant, b.AllTenants)
	return describeTrustedIssuer(i), err
}

// TrustedIssuerPath names a trusted issuer.
type TrustedIssuerPath struct {
	Issuer string `path:"issuer" maxLength:"36" doc:"Its id, not its iss"`
}

func (in TrustedIssuerPath) id() (authz.TrustedIssuerID, error) {
	id, err := authz.ParseID[authz.TrustedIssuerID](in.Issuer)
	if err != nil {
		err = &directory.InvalidError{Field: "issuer", Problem: "is not the id of a trusted issuer"}
	}
	return id, err
}

func (a *API) showTrustedIssuer(ctx context.Context, actor directory.Actor, in *TrustedIssuerPath) (TrustedIssuer, error) {
	id, err := in.id()
	if err != nil {
		return TrustedIssuer{}, err
	}
	i, err := a.Directory.TrustedIssuer(ctx, actor, id)
	return describeTrustedIssuer(i), err
}

func (a *API) removeTrustedIssuer(ctx context.Context, actor directory.Actor, in *TrustedIssuerPath) (Outcome, error) {
	id, err := in.id()
	if err != nil {
		return Outcome{}, err
	}
	return Outcome{in.Issuer, "removed"}, a.Directory.RemoveTrustedIssuer(ctx, actor, id)
}
