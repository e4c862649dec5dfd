package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"github.com/gatehouse/gatehouse/cmd/internal/client"
	"github.com/gatehouse/gatehouse/cmd/internal/config"
	"github.com/gatehouse/gatehouse/web/api"
)

func newAuditCommand(i *invocation) *cobra.Command {
	return group("audit", "Read who did what",
		`Reads the audit log: one event for each change, written in the transaction of the
change, and one for each sign-in, sign-out and consent. Nothing in this program
can alter what stands there, and each event carries a hash over the one before.`,
		`  gatehouse admin audit list --actor ann --since 24h
  gatehouse admin audit tail
  gatehouse admin audit verify`,
		newAuditListCommand(i), newAuditTailCommand(i), newAuditVerifyCommand(i))
}

func newAuditListCommand(i *invocation) *cobra.Command {
	var in api.AuditFilter
	var since, until string
	cmd := &cobra.Command{
		Use:   "list",
		Short: "List what was done, the newest first",
		Long: `Lists what was done, the newest first: who did it, to what, from where. The JSON form
also shows what was before and after. An instant is a time such as
2026-03-14T12:00:00Z, or how long ago it was, such as 24h or 7d.`,
		Example: `  gatehouse admin audit list --object-kind client --limit 20
  gatehouse admin audit list --user ann
  gatehouse admin audit list --action "user.*" --since 7d --output json`,
		Args: cobra.NoArgs,
	}
	flags := cmd.Flags()
	flags.StringVar(&in.User, "user", "", "Only the history of this user: what they did, and what was done to them and to those merged into them")
	flags.StringVar(&in.Actor, "actor", "", "Only what this one did: a user by id, user name or e-mail address, or a client")
	flags.StringVar(&in.Action, "action", "", "Only this action, such as user.create, or a family of them, such as \"user.*\"")
	flags.StringVar(&in.ObjectKind, "object-kind", "", "Only what was done to this kind of thing, such as user or client")
	flags.StringVar(&in.ObjectID, "object-id", "", "Only what was done to the thing with this id")
	flags.StringVar(&in.Tenant, "tenant", "", "Only what was done in this tenant: id or slug")
	flags.StringVar(&since, "since", "", "Only from this instant on")
	flags.StringVar(&until, "until", "", "Only before this instant")
	pageFlags(cmd, &in.Paging)
	return i.operation(cmd, func(ctx context.Context, o *operator, _ []string) (err error) {
		if in.Since, err = i.instant("since", since); err != nil {
			return err
		}
		if in.Until, err = i.instant("until", until); err != nil {
			return err
		}
		return list(ctx, o, api.ListAudit, in)
	})
}

// instant reads a time, or how long ago it was.
func (i *invocation) instant(flag, text string) (time.Time, error) {
	if text == "" {
		return time.Time{}, nil
	}
	if at, err := time.Parse(time.RFC3339, text); err == nil {
		return at, nil
	}
	ago, err := config.ParseDuration(text)
	if err != nil {
		return time.Time{}, fmt.Errorf("--%s: %.40q is neither a time such as 2026-03-14T12:00:00Z nor a duration such as 24h", flag, text)
	}
	return i.now().Add(-ago), nil
}

func newAuditTailCommand(i *invocation) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "tail",
		Short: "Show what is done from now on, as it happens",
		Long: `Shows what is done from now on, one line for each event, until it is stopped with
Ctrl-C. With --output json a line is a JSON document.`,
		Example: "  gatehouse admin audit tail --output json | jq .action",
		Args:    cobra.NoArgs,
	}
	return i.operation(cmd, func(ctx context.Context, o *operator, _ []string) error {
		in := api.AuditPosition{Wait: 20}
		for {
			news, err := client.Call(ctx, o.api, api.FollowAudit, in)
			if ctx.Err() != nil {
				return nil // stopped, and whatever the call made of that
			}
			if err != nil {
				return err
			}
			for _, e := range news.Items {
				if err := o.print.Line(e, lineOf(e)); err != nil {
					return err
				}
			}
			in.After = news.Position
		}
	})
}

// lineOf is an event for people who watch.
func lineOf(e api.Event) string {
	from := ""
	if e.IPAddress != nil {
		from = " from " + *e.IPAddress
	}
	return fmt.Sprintf("%s  %s  %s  %s %s%s", e.At.Format(time.RFC3339), e.Actor, e.Action, e.ObjectKind, e.ObjectID, from)
}

func newAuditVerifyCommand(i *invocation) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "verify",
		Short: "Look for events that were changed or removed",
		Long: `Computes the hash of every event anew. An event that somebody changed, removed or
put in between, past this program, breaks the chain that it stands in. Ends with
exit code 1 when one is broken.`,
		Example: "  gatehouse admin audit verify",
		Args:    cobra.NoArgs,
	}
	return i.operation(cmd, func(ctx context.Context, o *operator, _ []string) error {
		check, err := client.Call(ctx, o.api, api.VerifyAudit, struct{}{})
		if err != nil {
			return err
		}
		if err := o.print.One(check); err != nil {
			return err
		}
		if !check.Intact {
			return errors.New("the audit log is broken: somebody changed it past this program")
		}
		return nil
	})
}
