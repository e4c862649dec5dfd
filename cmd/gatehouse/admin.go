package main

import (
	"net/netip"
	"time"

	"github.com/spf13/cobra"
)

func newAdminCommand(i *invocation) *cobra.Command {
	return group("admin", "Operate users, tenants, groups, clients, sessions, keys and bans",
		`Operates what is in the database. The commands run on the host: they read the
same settings as the server and act as the operator of the whole deployment, so
whoever can read the settings may do everything here. Each change is checked for
its limits and written to the audit log, as one made through the API is.`,
		`  gatehouse admin users list
  gatehouse admin clients create --name Shop --kind spa --redirect-uri https://shop.example.com/callback --scope "openid profile"
  gatehouse admin scopes explain --user ann --client shop --scope "agents:read tools:execute"`,
		newUsersCommand(i), newSessionsCommand(i, "sessions"), newSessionCommand(i), newTenantsCommand(i), newProjectsCommand(i), newGroupsCommand(i),
		newClientsCommand(i), newRolesCommand(i), newScopesCommand(i), newResourcesCommand(i),
		newKeysCommand(i), newBansCommand(i, "bans"), newAuditCommand(i))
}

// at is an instant as documents have it: null for "never".
func at(t time.Time) *time.Time {
	if t.IsZero() {
		return nil
	}
	// The database keeps microseconds: what "create" says, "show" must say too.
	t = t.UTC().Truncate(time.Microsecond)
	return &t
}

// optional is a text as documents have it: null for none.
func optional(text string) *string {
	if text == "" {
		return nil
	}
	return &text
}

func address(a netip.Addr) string {
	if !a.IsValid() {
		return ""
	}
	return a.String()
}

// texts is a list as documents have it: never null.
func texts[T ~string](list []T) []string {
	out := make([]string, len(list))
	for n, text := range list {
		out[n] = string(text)
	}
	return out
}

// each describes every item of a list.
func each[T, D any](items []T, describe func(T) D) []D {
	documents := make([]D, len(items))
	for n, item := range items {
		documents[n] = describe(item)
	}
	return documents
}
