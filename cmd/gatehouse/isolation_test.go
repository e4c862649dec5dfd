package main

import (
	"strings"
	"testing"

	"github.com/spf13/cobra"

	"github.com/gatehouse/gatehouse/web/webtest"
)

// attempts is how each command that calls the API is tried on what belongs to
// another tenant and another user: its arguments, and after < what stands on
// standard input.
var attempts = map[string]string{
	"admin audit list":   "--actor bob",
	"admin audit tail":   "",
	"admin audit verify": "",

	"admin bans add":    "192.0.2.0/24",
	"admin bans check":  "198.51.100.1",
	"admin bans list":   "",
	"admin bans remove": "198.51.100.0/24",

	"admin clients create":        "--name Spy --kind service --tenant beta",
	"admin clients delete":        "bdesk",
	"admin clients disable":       "bdesk",
	"admin clients enable":        "bdesk",
	"admin clients list":          "",
	"admin clients rotate-secret": "bdesk",

	"admin clients registration-tokens create": "--name Spy --tenant beta",
	"admin clients registration-tokens list":   "--tenant beta",
	"admin clients registration-tokens revoke": "{token}",

	"admin clients show":   "bdesk",
	"admin clients update": "bdesk --name Mine",

	"admin groups add-member":    "btools bob --tenant beta",
	"admin groups create":        "--name spies --tenant beta --scope agents:read",
	"admin groups delete":        "btools --tenant beta",
	"admin groups list":          "--tenant beta",
	"admin groups members":       "btools --tenant beta",
	"admin groups remove-member": "btools bob --tenant beta",
	"admin groups rename":        "btools mine --tenant beta",
	"admin groups set-scopes":    "btools --scope agents:read --tenant beta",
	"admin groups show":          "btools --tenant beta",

	"admin issuers add":    "https://spy.example --jwks-uri https://spy.example/jwks --scope agents:read --tenant beta",
	"admin issuers list":   "--tenant beta",
	"admin issuers remove": "{issuer}",
	"admin issuers show":   "{issuer}",

	"admin keys list":   "",
	"admin keys revoke": "{kid}",
	"admin keys rotate": "--now",

	"admin projects create": "spying --tenant beta",
	"admin projects delete": "bproject --tenant beta",
	"admin projects list":   "--tenant beta",
	"admin projects rename": "bproject mine --tenant beta",
	"admin projects show":   "bproject --tenant beta",

	"admin resources create": "--identifier https://spy.example --scope agents:read",
	"admin resources delete": "https://bapi.example",
	"admin resources list":   "",
	"admin resources show":   "https://bapi.example",
	"admin resources update": "https://bapi.example --name Mine",

	"admin webhooks create":        "--url https://spy.example/in --event user.* --tenant beta",
	"admin webhooks delete":        "{webhook}",
	"admin webhooks deliveries":    "{webhook}",
	"admin webhooks list":          "--tenant beta",
	"admin webhooks redeliver":     "{webhook} {event}",
	"admin webhooks rotate-secret": "{webhook}",
	"admin webhooks show":          "{webhook}",
	"admin webhooks test":          "{webhook}",
	"admin webhooks update":        "{webhook} --name Mine",

	"admin roles list":       "",
	"admin roles set-scopes": "user --scope admin",
	"admin roles show":       "user",

	"admin scopes delete":  "agents:read",
	"admin scopes explain": "--client bdesk --user bob --tenant beta",
	"admin scopes grant":   "bob agents:read --tenant beta",
	"admin scopes list":    "",
	"admin scopes put":     "agents:read --title Mine",
	"admin scopes revoke":  "bob agents:read --tenant beta",
	"admin scopes show":    "agents:read",

	"admin session show": "", // their own

	"admin sessions list":       "--user bob",
	"admin sessions revoke":     "{session}",
	"admin sessions revoke-all": "--user bob",
	"admin sessions show":       "{session}",

	"admin tenants accept-authenticators": "beta --any",
	"admin tenants create":                "--slug gamma",
	"admin tenants delete":                "beta --confirm beta",
	"admin tenants list":                  "",
	"admin tenants resume":                "beta",
	"admin tenants select":                "beta",
	"admin tenants show":                  "beta",
	"admin tenants suspend":               "beta",
	"admin tenants update":                "beta --name Mine",

	"admin users ban add":    "192.0.2.0/24",
	"admin users ban check":  "198.51.100.1",
	"admin users ban list":   "",
	"admin users ban remove": "198.51.100.0/24",

	"admin users bulk add-to-group": "{group} - <bob",
	"admin users bulk delete":       "- <bob",
	"admin users bulk disable":      "- <bob",
	"admin users bulk enable":       "- <bob",
	"admin users bulk import":       `- <{"username":"spy","email":"spy@example.com","tenant":"beta"}`,
	"admin users bulk revoke-all":   "- <bob",
	"admin users bulk role":         "viewer - <bob",
	"admin users bulk update":       `- <{"user":"bob","display_name":"Mine"}`,

	"admin users count":                 "--tenant beta",
	"admin users create":                "--username spy --email spy@example.com --tenant beta",
	"admin users delete":                "bob",
	"admin users disable":               "bob",
	"admin users enable":                "bob",
	"admin users export":                "--tenant beta",
	"admin users invite":                "--email spy@example.com --tenant beta",
	"admin users list":                  "--tenant beta",
	"admin users merge":                 "bob ann",
	"admin users remove-authenticators": "bob",
	"admin users reset-link":            "bob",
	"admin users role list":             "",
	"admin users role set":              "bob viewer",
	"admin users role set-scopes":       "user --scope admin",
	"admin users role show":             "bob",
	"admin users search":                "bob --tenant beta",
	"admin users session list":          "--user bob",
	"admin users session revoke":        "{session}",
	"admin users session revoke-all":    "--user bob",
	"admin users session show":          "{session}",
	"admin users setup-link":            "bob",
	"admin users show":                  "bob",
	"admin users stats":                 "",
	"admin users update":                "bob --role viewer --display-name Mine",
}

// leaves visits every command that does something, by its words after the first.
func leaves(visit func(path string, cmd *cobra.Command)) {
	everyCommand(newRootCommand(&invocation{format: "table"}), func(cmd *cobra.Command) {
		if !cmd.HasSubCommands() {
			visit(strings.TrimPrefix(cmd.CommandPath(), "gatehouse "), cmd)
		}
	})
}

// everything is every row that a command could change, as text.
func everything(h *webtest.House) string {
	var all strings.Builder
	for _, table := range []string{
		"platform.tenants", "platform.users", "platform.user_groups", "platform.user_group_memberships", "platform.user_scopes", "platform.user_preferences",
		"platform.roles", "platform.scopes", "platform.resources", "platform.clients", "platform.ip_bans", "platform.signing_keys", "platform.audit_events",
		"platform.webhooks", "platform.webhook_deliveries", "platform.trusted_issuers",
		"public.projects", "platform.user_sessions where user_agent = 'bbrowser'",
	} {
		all.WriteString(h.World.Text(`select * from `+table) + "\n")
	}
	return all.String()
}

// On a server, through its command line, whoever belongs to one tenant tries every
// command on what belongs to another, and on another user: nothing is read and
// nothing is changed. A command that is added tomorrow has to say above how it is tried.
func TestM1_M2_EveryCommandOnAnothersObjects(t *testing.T) {
	t.Parallel()
	server := newHTTPSServer(t)
	there := foreign(server)
	server.User("ulla")
	boss := server.User("boss")
	server.World.Join(boss, server.Tenant, server.World.Group(server.Tenant, "bosses", "users:manage"))
	for _, actor := range []string{"ulla", "boss"} {
		h := newHost(t)
		if r := h.login(server, actor, "accept"); r.code != exitOK {
			t.Fatalf("login: exit %d\n%s", r.code, r.errs)
		}
		tried, before := 0, everything(server)
		leaves(func(path string, _ *cobra.Command) {
			try, ok := attempts[path]
			if strings.HasPrefix(path, "admin ") != ok {
				t.Fatalf("%s does not say how it is tried: add it to the table of attempts", path)
			}
			if !ok {
				return
			}
			tried++
			args, in, _ := strings.Cut(there.Replace(try), "<")
			r := h.given(in).call(append(strings.Fields(path+" "+args), "--output", "json")...)
			for _, word := range []string{"bob", "beta", "btools", "bdesk", "bnoise", "bbrowser", "bapi", "bproject"} {
				if strings.Contains(r.out, word) {
					t.Errorf("%s by %s shows %q: %s", path, actor, word, r.out)
				}
			}
			switch {
			case path == "admin session show", path == "admin tenants list" && actor == "boss":
				if r.code != exitOK {
					t.Errorf("%s by %s: exit %d: %s", path, actor, r.code, r.errs)
				}
			case r.code == exitRefused && (strings.Contains(r.errs, "lacks a scope") || strings.Contains(r.errs, "does not reach that far")):
			case r.code == exitFailure && actor == "boss" && (strings.Contains(r.errs, "there is no ") || strings.Contains(r.errs, "does not exist")):
			default:
				t.Errorf("%s by %s: exit %d: %s%s", path, actor, r.code, r.out, r.errs)
			}
			if now := everything(server); now != before {
				t.Errorf("%s by %s changed something", path, actor)
				before = now
			}
		})
		if tried != len(attempts) {
			t.Errorf("%d attempts are of commands that are gone", len(attempts)-tried)
		}
	}
}
