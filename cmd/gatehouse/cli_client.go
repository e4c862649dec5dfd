package main

import (
	"context"
	"errors"
	"fmt"

	"github.com/gatehouse/gatehouse/authz"
	"github.com/gatehouse/gatehouse/authz/directory"
	"github.com/gatehouse/gatehouse/cmd/internal/remote"
	"github.com/gatehouse/gatehouse/storage"
)

// registerCommandLine makes the client that this program is when people sign in
// with it. One that is there stays as it is: an operator may have disabled it.
func (i *invocation) registerCommandLine(ctx context.Context, h *house) error {
	var scopes []authz.Pattern
	for _, scope := range remote.Scopes {
		scopes = append(scopes, authz.Pattern(scope))
	}
	_, _, err := directory.New(h.store, nil, i.now).CreateClient(ctx, hostActor(), directory.CreateClient{
		ID: remote.ClientID, Name: "Gatehouse command line", Kind: storage.ClientNative, AllTenants: true, OpenTo: storage.OpenToEveryone, Scopes: scopes,
		RedirectURIs: []string{remote.LoopbackRedirectURI},
	})
	if err != nil && !errors.Is(err, storage.ErrConflict) {
		return fmt.Errorf("register the command line: %w", err)
	}
	return nil
}
