package main

import (
	"context"

	"github.com/spf13/cobra"

	"github.com/gatehouse/gatehouse/authz"
	"github.com/gatehouse/gatehouse/authz/directory"
	"github.com/gatehouse/gatehouse/storage"
)

// explanation is what becomes of one requested scope.
type explanation struct {
	Scope   string `json:"scope"`
	Granted bool   `json:"granted"`
	Reason  string `json:"reason"`
	// Detail names the role, the group or the class that decided.
	Detail string `json:"detail"`
}

func describeOutcome(o authz.Outcome) explanation {
	return explanation{string(o.Scope), o.Granted, string(o.Reason), o.Detail}
}

// question is what explain is asked, in words.
type question struct {
	user, client, tenant, project, acr string
	scopes                             []string
}

func newScopesExplainCommand(i *invocation) *cobra.Command {
	var q question
	cmd := &cobra.Command{
		Use:   "explain --client CLIENT [--user USER]",
		Short: "Show which scopes a client would be granted for a user, and why",
		Long: `Shows what would become of each scope if a client asked for it: granted or not,
and which role, group or rule decided. It is the decision that the server itself
makes.

Without --user the client acts for itself. Without --tenant the tenant is the one
in which the user lands by default. Without --scope the question is what a
request gets that names none.`,
		Example: `  gatehouse admin scopes explain --user ann --client shop-4f2a --scope "openid agents:read billing"
  gatehouse admin scopes explain --user ann --client shop-4f2a --tenant acme --project website --acr phr --output json`,
		Args: cobra.NoArgs,
	}
	flags := cmd.Flags()
	flags.StringVar(&q.user, "user", "", "The user who would sign in: id, user name or e-mail address")
	flags.StringVar(&q.client, "client", "", "The client_id")
	flags.StringVar(&q.tenant, "tenant", "", "The tenant that the token would be for: id or slug")
	flags.StringVar(&q.project, "project", "", "The project that the token would be for: id or name")
	flags.StringVar(&q.acr, "acr", "", "How strongly the user would have signed in: aal1, aal2 or phr")
	scopeFlag(cmd, &q.scopes, "A scope that is asked for")
	require(cmd, "client")
	return i.directly(cmd, func(ctx context.Context, o *direct, _ []string) error {
		request, err := q.read(ctx, o)
		if err != nil {
			return err
		}
		decision, err := o.ExplainScopes(ctx, o.as, request)
		if err != nil {
			return err
		}
		return printList(o.print, each(decision.Outcomes, describeOutcome), "")
	})
}

// read turns names into ids.
func (q question) read(ctx context.Context, o *direct) (directory.Explain, error) {
	client, err := o.Client(ctx, o.as, authz.ClientID(q.client))
	if err != nil {
		return directory.Explain{}, err
	}
	e := directory.Explain{Client: client.ID, Tenant: client.Tenant, ACR: authz.ACR(q.acr)}
	if e.Requested, err = scopeSet(q.scopes); err != nil {
		return e, err
	}
	if len(q.scopes) == 0 {
		e.Requested = authz.Literal(client.Scopes)
	}
	if q.user != "" {
		user, err := o.User(ctx, o.as, q.user)
		if err != nil {
			return e, err
		}
		person, err := o.Person(ctx, o.as, user.ID)
		if err != nil {
			return e, err
		}
		e.User = user.ID
		if e.Tenant.IsZero() {
			e.Tenant = home(person)
		}
	}
	return e, q.readPlace(ctx, o, &e)
}

// home is the tenant in which a person lands when nothing else is said.
func home(p storage.Person) authz.TenantID {
	if t, member := p.Tenant(p.Preferences.Tenant); member {
		return t.ID
	}
	if len(p.Tenants) > 0 {
		return p.Tenants[0].ID
	}
	return authz.TenantID{}
}

func (q question) readPlace(ctx context.Context, o *direct, e *directory.Explain) error {
	if q.tenant != "" {
		tenant, err := o.Tenant(ctx, o.as, q.tenant)
		if err != nil {
			return err
		}
		e.Tenant = tenant.ID
	}
	if q.project != "" {
		project, err := o.Project(ctx, o.as, e.Tenant, q.project)
		if err != nil {
			return err
		}
		e.Project = project.ID
	}
	return nil
}
