package directory

import (
	"cmp"
	"context"
	"errors"
	"maps"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/gatehouse/gatehouse/authz"
	"github.com/gatehouse/gatehouse/storage"
)

// Resources lists the resource servers by identifier.
func (s *Service) Resources(ctx context.Context, a Actor) ([]storage.Resource, error) {
	catalogue, err := s.catalogue(ctx, a)
	if err != nil {
		return nil, err
	}
	return slices.SortedFunc(maps.Values(catalogue.Resources), func(a, b storage.Resource) int { return cmp.Compare(a.Identifier, b.Identifier) }), nil
}

// Resource finds a resource server within reach by its identifier.
func (s *Service) Resource(ctx context.Context, a Actor, identifier string) (storage.Resource, error) {
	within, err := reaches(a, readDirectory)
	if err != nil {
		return storage.Resource{}, err
	}
	catalogue, err := s.store.Catalogue(ctx)
	if err != nil {
		return storage.Resource{}, err
	}
	r, known := catalogue.Resources[identifier]
	if !known || !within.has(r.Tenant) {
		return storage.Resource{}, unknown("resource", "%q does not exist", identifier)
	}
	return r, nil
}

// CreateResource registers a resource server by its identifier (RFC 8707 §2: an
// absolute URI without fragment) and the scopes that it owns.
func (s *Service) CreateResource(ctx context.Context, a Actor, n CreateResource) (storage.Resource, error) {
	r := storage.Resource{Identifier: n.Identifier, Name: n.Name, Scopes: n.Scopes, DetailTypes: n.DetailTypes, AccessTokenLifetime: n.AccessTokenLifetime, CreatedAt: s.now()}
	if err := may(a, manageScopes); err != nil {
		return r, err
	}
	if u, err := url.Parse(n.Identifier); err != nil || u.Scheme == "" || u.Host == "" || strings.Contains(n.Identifier, "#") || u.User != nil {
		return r, invalid("identifier", "must be an absolute URI without fragment")
	}
	if err := errors.Join(checkResource(r), s.checkOwnTypes(ctx, a, r)); err != nil {
		return r, err
	}
	if n.Tenant != "" {
		t, err := s.Tenant(ctx, a, n.Tenant)
		if err != nil {
			return r, err
		}
		r.Tenant = t.ID
	}
	return r, s.store.InsertResource(ctx, r, s.event(a, "resource.create", r.Tenant))
}

func checkResource(r storage.Resource) error {
	if err := checkName("name", r.Name); err != nil {
		return err
	}
	if len(r.Scopes) == 0 {
		return invalid("scopes", "is missing: a resource owns at least one")
	}
	for _, scope := range r.Scopes {
		if _, err := authz.ParseScope(string(scope)); err != nil {
			return invalid("scopes", "%v", err)
		}
	}
	if r.AccessTokenLifetime != 0 && r.AccessTokenLifetime < time.Minute {
		return invalid("access_token_lifetime", "must be a minute at least, or left out")
	}
	return checkDetailTypes(r.DetailTypes)
}

// UpdateResource changes a resource server.
func (s *Service) UpdateResource(ctx context.Context, a Actor, identifier string, n ResourceChange) (storage.Resource, error) {
	r, err := s.Resource(ctx, a, identifier)
	if err := errors.Join(may(a, manageScopes), err); err != nil {
		return r, err
	}
	if n.DetailTypes != nil {
		if err := s.checkOwnTypes(ctx, a, storage.Resource{Identifier: identifier, DetailTypes: *n.DetailTypes}); err != nil {
			return r, err
		}
	}
	r, err = s.store.UpdateResource(ctx, identifier, func(r *storage.Resource) error {
		if err := holds(n.If, *r); err != nil {
			return err
		}
		change(&r.Name, n.Name)
		change(&r.Scopes, n.Scopes)
		change(&r.DetailTypes, n.DetailTypes)
		change(&r.AccessTokenLifetime, n.AccessTokenLifetime)
		return checkResource(*r)
	}, s.event(a, "resource.update", r.Tenant))
	return r, orUnknown(err, "resource", identifier)
}

// DeleteResource removes a resource server. Its scopes stay in the registry.
func (s *Service) DeleteResource(ctx context.Context, a Actor, identifier string, seen func(storage.Resource) error) error {
	r, err := s.Resource(ctx, a, identifier)
	if err := errors.Join(may(a, manageScopes), err); err != nil {
		return err
	}
	return orUnknown(s.store.DeleteResource(ctx, identifier, seen, s.event(a, "resource.delete", r.Tenant)), "resource", identifier)
}
