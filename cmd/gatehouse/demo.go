package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"time"

	"github.com/spf13/cobra"
	"golang.org/x/sync/errgroup"

	"github.com/gatehouse/gatehouse/authz"
	"github.com/gatehouse/gatehouse/authz/directory"
	"github.com/gatehouse/gatehouse/cmd/internal/config"
	"github.com/gatehouse/gatehouse/cmd/internal/demo"
	"github.com/gatehouse/gatehouse/storage"
	"github.com/gatehouse/gatehouse/storage/postgres"
)

// Where the demo application stands, and the clients that it is.
const (
	demoListen    = "localhost:8081"
	demoURL       = "http://localhost:8081"
	demoClient    = authz.ClientID("demo")
	demoAPIClient = authz.ClientID("demo-api")
)

func newDemoCommand(i *invocation) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "demo",
		Short: "Run an application that signs in with this server",
		Long: `Runs a small application on http://localhost:8081 that signs people in with the
server of this machine, shows what it was granted and calls a protected API.

It registers its two clients itself, with secrets that are kept in memory alone.
It is for development: it shows tokens on a page.`,
		Example: `  # Beside a running gatehouse serve
  gatehouse demo`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			c, err := i.settings(cmd)
			if err != nil {
				return err
			}
			if c.Env == config.Production {
				return errors.New("the demo application is for development: it shows tokens on a page")
			}
			master, err := masterSecret(c)
			if err != nil {
				return err
			}
			pepper, err := storage.ClientSecretPepper(master)
			if err != nil {
				return err
			}
			return i.withStore(cmd.Context(), c, func(s *postgres.Store) error {
				tasks, ctx := errgroup.WithContext(cmd.Context())
				if err := i.runDemo(ctx, tasks, c, s, pepper, i.logger(c)); err != nil {
					return err
				}
				fmt.Fprintf(i.errs, "\n  Demo application   %s\n\n", demoURL)
				return tasks.Wait()
			})
		},
	}
	return cmd
}

func (i *invocation) startDemo(ctx context.Context, tasks *errgroup.Group, c *config.Config, h *house, log *slog.Logger) error {
	pepper, err := storage.ClientSecretPepper(h.secret)
	if err != nil {
		return err
	}
	return i.runDemo(ctx, tasks, c, h.store, pepper, log)
}

func (i *invocation) runDemo(ctx context.Context, tasks *errgroup.Group, c *config.Config, s *postgres.Store, pepper []byte, log *slog.Logger) error {
	d := directory.New(s, pepper, i.now)
	client, api, err := registerDemo(ctx, d)
	if err != nil {
		return fmt.Errorf("register the demo application: %w", err)
	}
	app, err := demo.New(demo.Config{Issuer: c.Issuer, BaseURL: demoURL, Client: client, API: api, Log: log, Now: i.now})
	if err != nil {
		return err
	}
	listener, err := net.Listen("tcp", demoListen)
	if err != nil {
		return fmt.Errorf("listen for the demo application: %w (end what runs there, or start without the demo)", err)
	}
	tasks.Go(func() error { return serveUntil(ctx, listener, app.Handler(), tlsOff, log) })
	return nil
}

// registerDemo makes what the demo application needs, or gives it new secrets
// where it is there from an earlier start.
func registerDemo(ctx context.Context, d *directory.Service) (client, api demo.Credentials, err error) {
	host := hostActor()
	_, err = d.CreateResource(ctx, host, directory.CreateResource{
		Identifier: demoURL + "/api", Name: "Demo API", Scopes: authz.ScopeSet{"user", "agents:read", "tools:execute", "admin", "billing"},
	})
	if err != nil && !errors.Is(err, storage.ErrConflict) {
		return client, api, err
	}
	client, err = demoCredentials(ctx, d, directory.CreateClient{
		ID: demoClient, Name: "Gatehouse demo", Kind: storage.ClientWeb, AllTenants: true, OpenTo: storage.OpenToEveryone, FirstParty: true,
		Scopes:       []authz.Pattern{"openid", "profile", "email", "offline_access", "user", "agents:read", "tools:execute", "admin", "billing"},
		RedirectURIs: []string{demoURL + demo.CallbackPath}, PostLogoutRedirectURIs: []string{demoURL + demo.SignedOutPath},
	})
	if err != nil {
		return client, api, err
	}
	api, err = demoCredentials(ctx, d, directory.CreateClient{
		ID: demoAPIClient, Name: "Gatehouse demo API", Kind: storage.ClientService, AllTenants: true, Introspect: true,
	})
	return client, api, err
}

func demoCredentials(ctx context.Context, d *directory.Service, n directory.CreateClient) (demo.Credentials, error) {
	_, secret, err := d.CreateClient(ctx, hostActor(), n)
	if errors.Is(err, storage.ErrConflict) {
		// A demo that still runs elsewhere keeps working for a day.
		secret, err = d.RotateClientSecret(ctx, hostActor(), n.ID, 24*time.Hour)
	}
	return demo.Credentials{ID: string(n.ID), Secret: secret.Reveal()}, err
}
