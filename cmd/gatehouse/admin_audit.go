package main

import (
	"context"

	"github.com/spf13/cobra"

	"github.com/gatehouse/gatehouse/authz/directory"
)

func newAuditCommand(i *invocation) *cobra.Command {
	return group("audit", "Read who changed what",
		"Reads the audit log: one event for each change, written in the transaction of the change.",
		`  gatehouse admin audit list
  gatehouse admin audit list --actor ann --output json`,
		newAuditListCommand(i))
}

func newAuditListCommand(i *invocation) *cobra.Command {
	var actor string
	var filter directory.AuditFilter
	cmd := &cobra.Command{
		Use:   "list",
		Short: "List changes, the newest first",
		Long: `Lists changes, the newest first: who made them, on what, from where. The JSON form
also shows what was before and after.`,
		Example: `  gatehouse admin audit list --object-kind client --limit 20
  gatehouse admin audit list --actor ann --output json`,
		Args: cobra.NoArgs,
	}
	cmd.Flags().StringVar(&actor, "actor", "", "Only what this user did: id, user name or e-mail address")
	cmd.Flags().StringVar(&filter.ObjectKind, "object-kind", "", "Only changes of this kind of thing, such as user or client")
	cmd.Flags().StringVar(&filter.ObjectID, "object-id", "", "Only changes of the thing with this id")
	directPageFlags(cmd, &filter.Paging)
	return i.directly(cmd, func(ctx context.Context, o *direct, _ []string) error {
		if actor != "" {
			user, err := o.User(ctx, o.as, actor)
			if err != nil {
				return err
			}
			filter.ActorID = user.ID
		}
		page, err := o.Audit(ctx, o.as, filter)
		if err != nil {
			return err
		}
		return printList(o.print, each(page.Items, describeEvent), page.Next)
	})
}
