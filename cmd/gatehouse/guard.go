package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net"
	"os"

	"github.com/spf13/cobra"

	"github.com/gatehouse/gatehouse/cmd/internal/config"
	"github.com/gatehouse/gatehouse/cmd/internal/guard"
)

func newGuardCommand(i *invocation) *cobra.Command {
	var file string
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

Behind nginx (auth_request), Caddy (forward_auth) or Traefik (ForwardAuth), write
forward_auth: true instead of upstream. The proxy then asks about each request, with
X-Forwarded-Method and X-Forwarded-Uri, and hands on the headers of the answer.

Further keys: listen (localhost:8088), forward_authorization (false), and
introspection with client_id and client_secret_file, which asks the issuer about
every token, so that a revoked one is refused at once.`,
		Example: `  gatehouse guard --config routes.yaml`,
		Args:    cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			// --config is the file of routes here; the log has the settings of every command.
			c, err := config.Load(cmd.InheritedFlags(), i.environ)
			if err != nil {
				return err
			}
			return i.runGuard(cmd.Context(), c, file)
		},
	}
	cmd.Flags().StringVar(&file, config.FileFlag, "", "The file of routes")
	require(cmd, config.FileFlag)
	return cmd
}

func (i *invocation) runGuard(ctx context.Context, c *config.Config, file string) error {
	f, err := os.Open(file)
	if err != nil {
		return fmt.Errorf("open routes: %w", err)
	}
	routes, err := guard.ParseConfig(f)
	if err = errors.Join(err, f.Close()); err != nil {
		return err
	}
	log := i.logger(c)
	g, err := guard.New(ctx, routes, log, i.now)
	if err != nil {
		return fmt.Errorf("%s: %w", file, err)
	}
	listener, err := net.Listen("tcp", routes.Listen)
	if err != nil {
		return fmt.Errorf("listen: %w (choose with listen in %s)", err, file)
	}
	fmt.Fprintf(i.errs, "\n  Guarding   %s\n  on         http://%s\n\n", cmp.Or(routes.Upstream, "what a proxy asks about"), listener.Addr())
	return serveUntil(ctx, listener, g, tlsOff, log)
}
