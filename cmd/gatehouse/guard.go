package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"strings"

	"github.com/spf13/cobra"
	"golang.org/x/sync/errgroup"

	"github.com/gatehouse/gatehouse/cmd/internal/config"
	"github.com/gatehouse/gatehouse/cmd/internal/guard"
)

func newGuardCommand(i *invocation) *cobra.Command {
	var (
		file  string
		check bool
	)
	cmd := &cobra.Command{
		Use:   "guard",
		Short: "Protect a service that knows nothing of tokens",
		Long: `Runs a reverse proxy in front of a service: a request passes when a route names it
and its access token has the scopes that the route asks for. Everything else is
refused. The service learns who is asking from the headers X-Gatehouse-Subject,
-Client, -Tenant, -Scopes, -Roles and -Groups, which nobody else can set; so it
must be reachable through the proxy alone.

The file of routes:

  upstream: http://localhost:3000
  issuer: https://id.example.com
  audience: https://api.example.com
  client:                         # may introspect: clients create --introspect
    id: 01890c5e-…
    secret_file: /etc/gatehouse/guard.secret
  routes:
    - path: /health
      methods: [GET]
      security: [{}]              # anybody
    - prefix: /agents
      security:
        - oauth2: ["user"]        # at least the scope user
    - prefix: /admin
      security:
        - oauth2: ["admin"]

A revoked token is refused within a second. Browsers can be sent to sign in, behind
nginx, Caddy or Traefik the guard answers whether a request may pass, and services that
are reached in other ways too can be told who is asking by a signed JWT: every key of
the file stands in docs/resource-servers.md.`,
		Example: `  gatehouse guard --config routes.yaml
  gatehouse guard --config routes.yaml --check`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			// --config is the file of routes here; the log has the settings of every command.
			c, err := config.Load(cmd.InheritedFlags(), i.environ)
			if err != nil {
				return err
			}
			routes, err := readRoutes(file)
			if err != nil {
				return err
			}
			if check {
				fmt.Fprintln(i.out, "The file of routes is good.")
				return nil
			}
			return i.runGuard(cmd.Context(), c, routes, file)
		},
	}
	cmd.Flags().StringVar(&file, config.FileFlag, "", "The file of routes")
	cmd.Flags().BoolVar(&check, "check", false, "Judge the file of routes and the files that it names, and run nothing")
	require(cmd, config.FileFlag)
	return cmd
}

// readRoutes judges all that can be judged without the issuer. The error names the file
// with each mistake.
func readRoutes(file string) (guard.Config, error) {
	f, err := os.Open(file)
	if err != nil {
		return guard.Config{}, fmt.Errorf("open routes: %w", err)
	}
	routes, err := guard.ParseConfig(f)
	if err == nil {
		err = routes.Verify()
	}
	if err = errors.Join(err, f.Close()); err != nil {
		return routes, fmt.Errorf("%s: %s", file, strings.ReplaceAll(err.Error(), "\n", "\n"+file+": "))
	}
	return routes, nil
}

func (i *invocation) runGuard(ctx context.Context, c *config.Config, routes guard.Config, file string) error {
	log := i.logger(c)
	g, err := guard.New(ctx, routes, log, i.now)
	if err != nil {
		return fmt.Errorf("%s: %w", file, err)
	}
	operators := newGuardOperators(g)
	listener, err := net.Listen("tcp", routes.Listen)
	if err != nil {
		return fmt.Errorf("listen: %w (choose with listen in %s)", err, file)
	}
	tasks, ctx := errgroup.WithContext(ctx)
	if routes.AdminListen != "" {
		l, err := net.Listen("tcp", routes.AdminListen)
		if err != nil {
			return errors.Join(fmt.Errorf("listen for operators: %w (choose with admin_listen in %s)", err, file), listener.Close())
		}
		tasks.Go(func() error { return serveUntil(ctx, l, operators.handler(), tlsOff, log) })
	}
	scheme, files := "http", tlsOff
	if t := routes.TLS; t != nil {
		scheme, files = "https", tlsFiles{t.CertFile, t.KeyFile, t.AskClients}
	}
	tasks.Go(func() error { return serveUntil(ctx, listener, http.HandlerFunc(operators.counted), files, log) })
	tasks.Go(func() error {
		g.Run(ctx)
		return nil
	})
	fmt.Fprintf(i.errs, "\n  Guarding   %s\n  on         %s://%s\n\n", cmp.Or(routes.Upstream, "what a proxy asks about"), scheme, listener.Addr())
	return tasks.Wait()
}
