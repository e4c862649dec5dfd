package main

import (
	"context"

	"github.com/spf13/cobra"

	"github.com/gatehouse/gatehouse/authz"
	"github.com/gatehouse/gatehouse/authz/directory"
	"github.com/gatehouse/gatehouse/cmd/internal/output"
	"github.com/gatehouse/gatehouse/storage"
)

// userStats is how many users there are of each kind.
type userStats struct {
	Total    int `json:"total"`
	Active   int `json:"active"`
	Disabled int `json:"disabled"`
	Viewers  int `json:"viewers"`
	Users    int `json:"users"`
	Admins   int `json:"admins"`
	Owners   int `json:"owners"`
}

func newUsersStatsCommand(i *invocation) *cobra.Command {
	return i.operation(&cobra.Command{
		Use:     "stats",
		Short:   "Show how many users there are, by status and role",
		Long:    "Shows how many users there are, how many of them may sign in, and how many have each role.",
		Example: "  gatehouse admin users stats",
		Args:    cobra.NoArgs,
	}, func(ctx context.Context, o *operator, _ []string) error {
		var s userStats
		for _, count := range []struct {
			into   *int
			filter directory.UserFilter
		}{
			{&s.Total, directory.UserFilter{}},
			{&s.Active, directory.UserFilter{Status: directory.StatusActive}},
			{&s.Disabled, directory.UserFilter{Status: directory.StatusDisabled}},
			{&s.Viewers, directory.UserFilter{Role: authz.RoleViewer}},
			{&s.Users, directory.UserFilter{Role: authz.RoleUser}},
			{&s.Admins, directory.UserFilter{Role: authz.RoleAdmin}},
			{&s.Owners, directory.UserFilter{Role: authz.RoleOwner}},
		} {
			n, err := o.CountUsers(ctx, o.as, count.filter)
			if err != nil {
				return err
			}
			*count.into = n
		}
		return o.print.One(s)
	})
}

func newUsersExportCommand(i *invocation) *cobra.Command {
	var narrow userFilter
	cmd := &cobra.Command{
		Use:   "export",
		Short: "Export users to JSON",
		Long: `Writes every user, or those of a role, a tenant or a status, as one JSON document.
Password hashes are not in it: "gatehouse db export" is the backup.`,
		Example: "  gatehouse admin users export --tenant acme > users.json",
		Args:    cobra.NoArgs,
	}
	narrow.flags(cmd)
	return i.operation(cmd, func(ctx context.Context, o *operator, _ []string) error {
		filter, err := narrow.read(ctx, o)
		if err != nil {
			return err
		}
		var all []userDocument
		err = o.everyUser(ctx, filter, func(u storage.User) error {
			all = append(all, describeUser(u))
			return nil
		})
		if err != nil {
			return err
		}
		return output.List(output.Printer{To: o.print.To, Format: output.JSON}, "users", all, "")
	})
}

// everyUser visits the users of a filter, part by part.
func (o *operator) everyUser(ctx context.Context, filter directory.UserFilter, visit func(storage.User) error) error {
	filter.Limit = 500
	for {
		page, err := o.Users(ctx, o.as, filter)
		if err != nil {
			return err
		}
		for _, u := range page.Items {
			if err := visit(u); err != nil {
				return err
			}
		}
		if page.Next == "" {
			return nil
		}
		filter.Cursor = page.Next
	}
}
