package main

import (
	"github.com/spf13/cobra"

	"github.com/gatehouse/gatehouse/cmd/internal/config"
)

func newAdminCommand(i *invocation) *cobra.Command {
	cmd := group("admin", "Operate users, tenants, groups, clients, sessions, keys and bans",
		`Operates users, tenants, groups, clients and what belongs to them. After "gatehouse
login" the commands run on that server, with your own scopes. Without it they run
on this host: they read the same settings as the server and act as the operator of
the whole deployment, so whoever can read the settings may do everything here.

Both ways each command is a call of the API, and --output json prints what the API
answers. Each change is checked for its limits and written to the audit log.`,
		`  gatehouse admin users list
  gatehouse admin clients create --name Shop --kind spa --redirect-uri https://shop.example.com/callback --scope "openid profile"
  gatehouse admin scopes explain --user ann --client shop --scope "agents:read tools:execute"`,
		newUsersCommand(i), newSessionsCommand(i, "sessions"), newSessionCommand(i), newTenantsCommand(i), newProjectsCommand(i), newGroupsCommand(i),
		newClientsCommand(i), newRolesCommand(i), newScopesCommand(i), newResourcesCommand(i), newIssuersCommand(i),
		newKeysCommand(i), newBansCommand(i, "bans"), newAuditCommand(i), newWebhooksCommand(i))
	config.AddAdminFlags(cmd.PersistentFlags())
	return cmd
}
