package demo

import (
	"bytes"
	"context"
	_ "embed"
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strings"

	"gopkg.in/yaml.v3"

	"github.com/gatehouse/gatehouse/authz"
	"github.com/gatehouse/gatehouse/authz/resource"
)

//go:embed api.yaml
var apiDocument []byte

// impossible is a scope that nobody holds.
const impossible authz.Scope = "demo:impossible"

// operation is an entry of api.yaml. It is kept under its method and path.
type operation struct {
	Summary  string                `yaml:"summary"`
	Security []map[string][]string `yaml:"security"`
}

func parseOperations(document []byte) (map[string]operation, error) {
	var operations map[string]operation
	decoder := yaml.NewDecoder(bytes.NewReader(document))
	decoder.KnownFields(true)
	if err := decoder.Decode(&operations); err != nil {
		return nil, fmt.Errorf("decode operations: %w", err)
	}
	return operations, nil
}

// mountAPI puts every operation behind its guard, and the description of the API
// (RFC 9728) beside them.
func (a *App) mountAPI(mux *http.ServeMux) error {
	operations, err := parseOperations(apiDocument)
	if err != nil {
		return err
	}
	metadata := resource.Metadata{
		Resource: a.BaseURL + APIPath, AuthorizationServers: []string{a.Issuer}, Scopes: scopesOf(operations),
	}
	describedAt, err := metadata.URL()
	if err != nil {
		return err
	}
	mux.Handle("GET "+strings.TrimPrefix(describedAt, a.BaseURL), metadata)
	guard := resource.NewGuard(a.introspection(), resource.GuardConfig{
		Realm: "demo API", ResourceMetadata: describedAt, Logger: a.Log,
	})
	for pattern, op := range operations {
		need, err := resource.ParseRequirement(op.Security)
		if err != nil {
			return fmt.Errorf("%s: %w", pattern, err)
		}
		mux.Handle(pattern, guard.Require(need)(op))
	}
	return nil
}

// scopesOf is what a client may want to ask for.
func scopesOf(operations map[string]operation) authz.ScopeSet {
	var set authz.ScopeSet
	for _, op := range operations {
		for _, alternative := range op.Security {
			for _, scope := range alternative["oauth2"] {
				if authz.Scope(scope) != impossible {
					set = set.With(authz.Scope(scope))
				}
			}
		}
	}
	slices.Sort(set)
	return set
}

// ServeHTTP answers with the name of the operation and who was let in to it.
func (op operation) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	p := resource.PrincipalFrom(r.Context())
	w.Header().Set("Content-Type", "application/json")
	// The client is gone when this fails.
	_ = json.NewEncoder(w).Encode(struct {
		Operation string         `json:"operation"`
		Subject   string         `json:"sub"`
		Client    authz.ClientID `json:"client_id"`
		Scope     string         `json:"scope"`
		Tenant    authz.TenantID `json:"tenant_id"`
		Roles     []string       `json:"roles"`
		Groups    []string       `json:"groups"`
	}{op.Summary, p.Subject, p.ClientID, p.Scopes.String(), p.Tenant, p.Roles, p.Groups})
}

// introspection asks Gatehouse about each token, from the moment on at which
// Gatehouse can be found.
type introspection struct {
	introspector *eventual[*resource.Introspector]
}

func (a *App) introspection() introspection {
	return introspection{newEventual(func(ctx context.Context) (*resource.Introspector, error) {
		return resource.NewIntrospector(ctx, resource.IntrospectorConfig{
			Issuer: a.Issuer, Audience: a.BaseURL + APIPath,
			ClientID: authz.ClientID(a.API.ID), ClientSecret: resource.NewSecret(a.API.Secret),
			HTTPClient: a.http, Now: a.Now,
		})
	}, a.Now)}
}

// Authenticate implements [resource.Authenticator].
func (i introspection) Authenticate(ctx context.Context, token string) (*resource.Principal, error) {
	introspector, err := i.introspector.get(ctx)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", resource.ErrUnavailable, err)
	}
	return introspector.Authenticate(ctx, token)
}
