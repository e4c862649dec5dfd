package main

import (
	"context"

	"github.com/spf13/cobra"

	"github.com/gatehouse/gatehouse/web/api"
)

func newAuditCommand(i *invocation) *cobra.Command {
	return group("audit", "Read who changed what",
		"Reads the audit log: one event for each change, written in the transaction of the change.",
		`  gatehouse admin audit list
  gatehouse admin audit list --actor ann --output json`,
		newAuditListCommand(i))
}

func newAuditListCommand(i *invocation) *cobra.Command {
	var in api.AuditFilter
	cmd := &cobra.Command{
		Use:   "list",
		Short: "List changes, the newest first",
		Long: `Lists changes, the newest first: who made them, on what, from where. The JSON form
also shows what was before and after.`,
		Example: `  gatehouse admin audit list --object-kind client --limit 20
  gatehouse admin audit list --actor ann --output json`,
		Args: cobra.NoArgs,
	}
	cmd.Flags().StringVar(&in.Actor, "actor", "", "Only what this user did: id, user name or e-mail address")
	cmd.Flags().StringVar(&in.ObjectKind, "object-kind", "", "Only changes of this kind of thing, such as user or client")
	cmd.Flags().StringVar(&in.ObjectID, "object-id", "", "Only changes of the thing with this id")
	pageFlags(cmd, &in.Paging)
	return i.operation(cmd, func(ctx context.Context, o *operator, _ []string) error { return list(ctx, o, api.ListAudit, in) })
}
